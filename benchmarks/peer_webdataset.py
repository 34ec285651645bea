"""Measures nothing itself: webdataset over our tars, as they are."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader
from webdataset.compat import WebDataset

from benchmarks.peer import BUFFER, Opened, Step, Voxels, endless, scene_of, tars_of, voxels_of
from ppt_dist.stream.voxelise import Voxelise


def opened(folder: Path, voxelise: Voxelise, work: Path) -> Opened:  # noqa: ARG001 - all alike
    """Shards are shuffled, then samples within a buffer, and all come again without end."""
    tars = [str(path) for path in tars_of(folder)]

    def start(stack: ExitStack) -> Iterator[Step]:
        samples: Any = WebDataset(tars, shardshuffle=len(tars))
        samples = samples.repeat().shuffle(BUFFER).map(partial(_step, voxelise))
        return endless(DataLoader(samples, batch_size=None, num_workers=1), stack)

    return start


def _step(voxelise: Voxelise, sample: dict[str, object]) -> Voxels:
    return voxels_of(scene_of(sample), voxelise)
