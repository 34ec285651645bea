"""Measures nothing itself: Mosaic streaming over the same arrays in its own shards."""

# pyright: reportMissingImports=false

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from streaming import MDSWriter, StreamingDataset
from streaming.base.util import clean_stale_shared_memory
from torch.utils.data import DataLoader

from benchmarks.peer import Opened, Step, Voxels, endless, voxels_of
from ppt_dist.scene.scene import Scene
from ppt_dist.shard.form import PLAIN
from ppt_dist.shard.records import Records
from ppt_dist.stream.load import open_records
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.train.sources import TRAIN


class _Scenes(StreamingDataset):
    """Transforms where users of the package do: where a sample is taken."""

    def __init__(self, folder: Path, voxelise: Voxelise) -> None:
        super().__init__(local=str(folder), shuffle=True, batch_size=1)
        self._voxelise = voxelise

    def __getitem__(self, at: int) -> Voxels:
        sample: dict[str, Any] = super().__getitem__(at)
        return voxels_of(Scene(**sample), self._voxelise)


def opened(folder: Path, voxelise: Voxelise, work: Path) -> Opened:
    """Shards of plain arrays in a local folder; samples are shuffled anew in each epoch."""
    shards = work / "mosaic"
    _write(open_records(folder, TRAIN), shards)

    def start(stack: ExitStack) -> Iterator[Step]:
        clean_stale_shared_memory()
        stack.callback(clean_stale_shared_memory)
        scenes = _Scenes(shards, voxelise)
        loader = DataLoader(scenes, batch_size=None, num_workers=1, persistent_workers=True)
        return endless(loader, stack)

    return start


def _write(records: Records, shards: Path) -> None:
    fields = [name for name in PLAIN if getattr(records[0], name) is not None]
    columns = {name: f"ndarray:{np.dtype(PLAIN[name].dtype).name}" for name in fields}
    with MDSWriter(out=str(shards), columns={"name": "str"} | columns) as writer:
        for i, name in enumerate(records.names):
            scene = records[i]
            writer.write({"name": name} | {field: getattr(scene, field) for field in fields})
