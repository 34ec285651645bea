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
    cell = _cells(coord, edge)
    _, first, inverse, count = np.unique(
        packed(cell), return_index=True, return_inverse=True, return_counts=True
    )
    chosen = first if rng is None else one_of_each(inverse, count, rng)
    return GridSample(cell[first].astype(np.int32), chosen, inverse)


def one_of_each(
    inverse: Int64[np.ndarray, " points"],
    count: Int64[np.ndarray, " voxels"],
    rng: np.random.Generator,
) -> Int64[np.ndarray, " voxels"]:
    """A random point of each voxel; all of a voxel's points are equally likely."""
    order = np.argsort(inverse, kind="stable")
    start = np.cumsum(count) - count
    return order[start + np.floor(rng.random(len(count)) * count).astype(np.int64)]


def occupied_voxels(coord: Float32[np.ndarray, "points 3"], edge: float) -> int:
    """Number of cells of ``edge`` metres that hold a point: a scene's cost."""
    return len(np.unique(packed(_cells(coord, edge))))


def _cells(coord: Float32[np.ndarray, "points 3"], edge: float) -> Int64[np.ndarray, "points 3"]:
    cell = np.floor(coord / np.float32(edge)).astype(np.int64)
    if not len(cell):
        return cell
    cell -= cell.min(axis=0)
    if cell.max() >= 1 << _BITS:
        raise BadInput(
            f"a scan of {cell.max() + 1} cells of {edge} m on one axis; at most {1 << _BITS} "
            "fit: use a larger voxel, or cut the scan into tiles"
        )
    return cell


def packed(cell: Int64[np.ndarray, "points 3"]) -> Int64[np.ndarray, " points"]:
    """Each cell as one number; numbers are in the order of x, y, z."""
    return (cell[:, 0] << 2 * _BITS) | (cell[:, 1] << _BITS) | cell[:, 2]
