"""Grid sampling: one point for each occupied cell, and the way back from cells to points."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int16, Int32, Int64

from ppt_dist.section import BadInput

_BITS = 21
"""Bits of a packed cell on each axis."""


@dataclass(frozen=True)
class VoxelScene:
    """A scene as the model sees it: one row for each voxel."""

    name: str
    grid: Int32[np.ndarray, "voxels 3"]
    """Cell of each voxel, not negative; cells are unique within the scene."""
    feat: Float32[np.ndarray, "voxels channels"]
    label: Int16[np.ndarray, " voxels"]
    inverse: Int64[np.ndarray, " points"] | None = None
    """Row of the voxel that holds each point of the raw scan; kept for evaluation only."""
    point_label: Int16[np.ndarray, " points"] | None = None
    """Label of each point of the raw scan; kept for evaluation only."""


class GridSample(NamedTuple):
    """Which points stand for their cells."""

    grid: Int32[np.ndarray, "voxels 3"]
    """Cells in order of x, y, z, with the lowest coordinates at 0."""
    chosen: Int64[np.ndarray, " voxels"]
    """The point that stands for each cell."""
    inverse: Int64[np.ndarray, " points"]
    """Row of each point's cell."""


def grid_sample(
    coord: Float32[np.ndarray, "points 3"], edge: float, rng: np.random.Generator | None = None
) -> GridSample:
    """One point for each cell of ``edge`` metres: a random one, or the first without ``rng``.

    Pointcept's GridSample in other words: cells are packed rather than hashed, so none collide.

    Raises:
        BadInput: the scan is too wide for the edge.
    """
    cell = cells(coord, edge)
    groups = group(packed(cell))
    chosen = groups.order[groups.start] if rng is None else groups.one_of_each(rng)
    return GridSample(cell[chosen], chosen, groups.inverse())


class Groups(NamedTuple):
    """Points that share a cell, in the order of the cells."""

    order: Int64[np.ndarray, " points"]
    """Points by their cells, and within a cell as they came."""
    start: Int64[np.ndarray, " voxels"]
    """Where each cell begins in ``order``."""

    def one_of_each(self, rng: np.random.Generator) -> Int64[np.ndarray, " voxels"]:
        """A random point of each cell; all of its points are equally likely."""
        count = np.diff(self.start, append=len(self.order))
        return self.order[self.start + np.floor(rng.random(len(count)) * count).astype(np.int64)]

    def inverse(self) -> Int64[np.ndarray, " points"]:
        """Cell of each point."""
        rank = np.zeros(len(self.order), np.int64)
        rank[self.start[1:]] = 1
        inverse = np.empty(len(self.order), np.int64)
        inverse[self.order] = np.cumsum(rank)
        return inverse


def group(key: Int64[np.ndarray, " points"]) -> Groups:
    """Points by their `packed` cells."""
    order = np.argsort(key, kind="stable")
    return Groups(order, np.flatnonzero(np.diff(key[order], prepend=-1)))


def occupied_voxels(coord: Float32[np.ndarray, "points 3"], edge: float) -> int:
    """Number of cells of ``edge`` metres that hold a point: a scene's cost."""
    return len(np.unique(packed(cells(coord, edge))))


def cells(coord: Float32[np.ndarray, "points 3"], edge: float) -> Int32[np.ndarray, "points 3"]:
    """Axis by axis, in few bytes a point: a scan may have tens of millions."""
    cell = np.zeros(coord.shape, np.int32)
    for axis in range(3 if len(coord) else 0):
        along = np.floor(coord[:, axis] / np.float32(edge)).astype(np.int64)
        along -= along.min()
        if along.max() >= 1 << _BITS:
            raise BadInput(
                f"a scan of {along.max() + 1} cells of {edge} m on one axis; at most "
                f"{1 << _BITS} fit: use a larger voxel, or cut the scan into tiles"
            )
        cell[:, axis] = along
    return cell


def packed(cell: Int32[np.ndarray, "points 3"]) -> Int64[np.ndarray, " points"]:
    """Each cell as one number; numbers are in the order of x, y, z."""
    number = cell[:, 0].astype(np.int64)
    for axis in (1, 2):
        number <<= _BITS
        number |= cell[:, axis]
    return number
