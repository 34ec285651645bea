"""Measures nothing itself: other packages' loaders over the same scenes, with our transforms."""

from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module, metadata
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import torch

from benchmarks.peer import Opened, Step
from ppt_dist.shard.records import Records
from ppt_dist.stream.load import open_records
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.text.torchvision_shim import ensure_torchvision
from ppt_dist.train.sources import TRAIN

_PEERS = {
    "webdataset": "benchmarks.peer_webdataset",
    "mosaicml-streaming": "benchmarks.peer_mosaic",
    "megatron-energon": "benchmarks.peer_energon",
}
"""Module of each distribution; it can be imported where that is installed."""
_EPOCHS = 4
"""In which a loader must have given every scene once: it may shuffle across the ends of some."""
_TOLERANCE = 0.03
"""Of the mean number of voxels, which are drawn."""


def versions() -> dict[str, str]:
    """Which peers take part, and which are not here."""
    return {name: _version(name) or "not installed" for name in _PEERS}


def peers_of(folder: Path, voxelise: Voxelise, work: Path) -> dict[str, Opened]:
    """Each package that is installed, once it was seen to give what we give.

    Args:
        folder: a packed domain of plain records.
        voxelise: the transforms that each of them runs, in its one worker process.
        work: where a package may keep shards of its own.

    Raises:
        ValueError: a package gives other scenes, types or numbers of voxels.
    """
    peers = {}
    for name, module in _PEERS.items():
        if _version(name):
            ensure_torchvision()  # two of them import it
            opened = cast("Opened", import_module(module).opened(folder, voxelise, work))
            _refuse_differences(name, opened, open_records(folder, TRAIN), voxelise)
            peers[name] = opened
    return peers


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _refuse_differences(name: str, opened: Opened, records: Records, voxelise: Voxelise) -> None:
    with ExitStack() as stack:
        given = _by_name(name, opened(stack), records)
    rng = np.random.default_rng(0)
    ours = np.mean([len(voxelise.train(scene, rng).grid) for scene in records])
    theirs = np.mean(list(given.values()))
    if abs(theirs / ours - 1) > _TOLERANCE:
        raise ValueError(f"{name} gives {theirs:,.0f} voxels a scene instead of {ours:,.0f}")


def _by_name(name: str, steps: Iterator[Step], records: Records) -> dict[str, int]:
    """Voxels of every scene, when it first came."""
    given: dict[str, int] = {}
    for step in islice(steps, _EPOCHS * len(records)):
        types = (step.grid.dtype, step.feat.dtype, step.label.dtype)
        if types != (torch.int32, torch.float32, torch.int64):
            raise ValueError(f"{name} gives tensors of {types}")
        given.setdefault(step.name, len(step.grid))
        if len(given) == len(records):
            break
    if given.keys() != set(records.names):
        raise ValueError(f"{name} gives {len(given)} scenes instead of {len(records)}")
    return given
