"""Measures nothing itself: what every other package's worker does with a scene, in the same way."""

import io
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
import zstandard
from jaxtyping import Float32, Int32, Int64
from torch import Tensor

from ppt_dist.scene.scene import Scene
from ppt_dist.shard.form import PLAIN
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.train.sources import TRAIN

BUFFER = 8
"""Scenes that a package shuffles among, where it does that by a buffer."""


class Step(Protocol):
    """What a training step gets of one scene."""

    name: str
    grid: Tensor
    feat: Tensor
    label: Tensor


class Voxels(NamedTuple):
    """The same, as a package hands it on that asks for no type of its own."""

    name: str
    grid: Int32[Tensor, "voxels 3"]
    feat: Float32[Tensor, "voxels channels"]
    label: Int64[Tensor, " voxels"]


Opened = Callable[[ExitStack], Iterator[Step]]
"""Starts a loader, which the stack ends, and gives its endless scenes."""


def voxels_of(scene: Scene, voxelise: Voxelise) -> Voxels:
    """Our transforms with a generator of the scene's own, and tensors."""
    voxels = voxelise.train(scene, np.random.default_rng())
    label = torch.from_numpy(voxels.label).long()
    return Voxels(scene.name, torch.from_numpy(voxels.grid), torch.from_numpy(voxels.feat), label)


def scene_of(sample: Mapping[str, object]) -> Scene:
    """The scene of a plain record as webdataset and its kin hand it over: bytes by suffix."""
    arrays = {
        name: _load(field.suffix, content)
        for name, field in PLAIN.items()
        if isinstance(content := sample.get(f"{name}.{field.suffix}"), bytes)
    }
    return Scene(name=str(sample["__key__"]), **arrays)


def _load(suffix: str, content: bytes) -> np.ndarray:
    if suffix == "npy.zst":
        content = zstandard.ZstdDecompressor().decompress(content)
    return np.load(io.BytesIO(content), allow_pickle=False)


def tars_of(folder: Path) -> list[Path]:
    """Those of the scenes to train on."""
    return sorted(folder.glob(f"{TRAIN}-*.tar"))


def endless(loader: Iterable[Step], stack: ExitStack) -> Iterator[Step]:
    """Epoch after epoch; the loader's worker ends with the last reference to it, on closing."""
    steps = _epochs(loader)
    stack.callback(steps.close)
    return steps


def _epochs(loader: Iterable[Step]) -> Generator[Step]:
    while True:
        yield from loader
