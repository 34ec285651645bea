"""Measures nothing itself: other packages' loaders over the same scenes, with our transforms."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from ppt_dist.stream.voxelise import Voxelise

Opened = Callable[[ExitStack], Iterator[object]]
"""Starts a loader, which the stack ends, and gives its endless scenes."""


def peers_of(folder: Path, voxelise: Voxelise, work: Path) -> dict[str, Opened]:
    """Each package that is installed."""
    return {}
