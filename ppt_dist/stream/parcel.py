"""`Parcel`: an order's voxels end to end, in memory that two processes share without a name.

A fetcher lays them into an anonymous file and hands over its descriptor: nothing is pickled or
copied, and the kernel frees the memory with its last user, however that ended.
"""

import os
import tempfile
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int16, Int32, UInt8

from ppt_dist.stream.load import Loaded
from ppt_dist.stream.read import Damaged, Read

_ALIGN = 64
"""Bytes; arrays begin at multiples of it, as vector loads like it."""
ROW = 3 * 4 + 2
"""Bytes of a voxel beside its features: cell and label."""


class Bill(NamedTuple):
    """What a parcel holds, small enough to be sent beside it."""

    names: tuple[str, ...]
    ends: tuple[int, ...]
    """Voxels up to the end of each scene."""
    channels: int
    reads: tuple[Read, ...]
    damaged: tuple[Damaged, ...]
    told: tuple[str, ...]
    """What reading had to repeat, in sentences."""

    @staticmethod
    def of(loaded: Loaded) -> "Bill":
        """That of some scenes."""
        ends = np.cumsum([len(scene.grid) for scene in loaded.scenes], dtype=np.int64)
        names = tuple(scene.name for scene in loaded.scenes)
        reads, damaged, told = loaded.reads, loaded.damaged, loaded.told
        return Bill(names, tuple(ends.tolist()), loaded.channels, reads, damaged, told)

    @property
    def voxels(self) -> int:
        """Of all scenes."""
        return self.ends[-1] if self.ends else 0

    @property
    def places(self) -> tuple[int, int, int, int]:
        """Bytes up to grid, features, labels and the end."""
        sizes = (self.voxels * 12, self.voxels * self.channels * 4, self.voxels * 2)
        places = [0]
        for size in sizes:
            places.append(places[-1] + -(-size // _ALIGN) * _ALIGN)
        return places[0], places[1], places[2], places[3]


class Parcel(NamedTuple):
    """Views into its memory, which lives as long as one of them."""

    bill: Bill
    grid: Int32[np.ndarray, "voxels 3"]
    feat: Float32[np.ndarray, "voxels channels"]
    label: Int16[np.ndarray, " voxels"]


def parcel_here(loaded: Loaded) -> Parcel:
    """The scenes in this process's own memory; a scene alone stays where it is."""
    bill, scenes = Bill.of(loaded), loaded.scenes
    n = bill.voxels
    return Parcel(
        bill,
        _joined([scene.grid for scene in scenes], np.int32).reshape(n, 3),
        _joined([scene.feat for scene in scenes], np.float32).reshape(n, bill.channels),
        _joined([scene.label for scene in scenes], np.int16),
    )


def parcel_in(descriptor: int, loaded: Loaded) -> Bill:
    """Lay the scenes into an anonymous file, which grows to their size; returns what to send.

    They are written, not mapped: the system need not clear pages first, nor hand out each alone.
    """
    bill = Bill.of(loaded)
    grid, feat, label, end = bill.places
    if os.fstat(descriptor).st_size < max(end, 1):
        os.ftruncate(descriptor, max(end, 1))
    for scene in loaded.scenes:
        n = len(scene.grid)
        grid += _write(descriptor, scene.grid.reshape(n, 3), np.int32, grid)
        feat += _write(descriptor, scene.feat.reshape(n, bill.channels), np.float32, feat)
        label += _write(descriptor, scene.label.reshape(n), np.int16, label)
    return bill


def parcel_over(memory: UInt8[np.ndarray, " bytes"], bill: Bill) -> Parcel:
    """The scenes that another process laid there, as views that keep ``memory`` alive."""
    grid, feat, label, _ = bill.places
    n, width = bill.voxels, bill.channels
    return Parcel(
        bill,
        memory[grid : grid + n * 12].view(np.int32).reshape(n, 3),
        memory[feat : feat + n * width * 4].view(np.float32).reshape(n, width),
        memory[label : label + n * 2].view(np.int16),
    )


def anonymous_file() -> int:
    """Descriptor of a file without a name: in memory where the system can, else on disk."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("parcel")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _joined(arrays: list[np.ndarray], dtype: type[np.generic]) -> np.ndarray:
    if len(arrays) == 1:
        return np.ascontiguousarray(arrays[0], dtype)
    return np.concatenate(arrays, dtype=dtype) if arrays else np.zeros(0, dtype)


def _write(descriptor: int, array: np.ndarray, dtype: type[np.generic], offset: int) -> int:
    """Write all of the array; returns how many bytes that were."""
    content = np.ascontiguousarray(array, dtype).reshape(-1).view(np.uint8).data
    put = 0
    while put < len(content):
        put += os.pwrite(descriptor, content[put:], offset + put)
    return put
