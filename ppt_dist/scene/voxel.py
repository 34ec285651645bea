"""Grid sampling: one point for each occupied cell, and the way back from cells to points."""

from dataclasses import dataclass
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32, Int16, Int32, Int64, Shaped

from ppt_dist.scene.group import Groups, group
from ppt_dist.scene.kernel import kernel
from ppt_dist.scene.rows import bounds
from ppt_dist.section import BadInput

_BITS = 21
"""Most bits of a packed cell on an axis: three fit into a number."""


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


class Cells(NamedTuple):
    """Cells as numbers that are in the order of x, y, z, of as few bits as the scene allows."""

    number: Int64[np.ndarray, " points"]
    bits: Int64[np.ndarray, " 3"]
    """Bits of each axis in a number."""

    def grid(self, number: Int64[np.ndarray, " cells"]) -> Int32[np.ndarray, "cells 3"]:
        """The cells behind some numbers."""
        return _unpacked(number, self.bits)


class GridSample(NamedTuple):
    """Which points stand for their cells."""

    grid: Int32[np.ndarray, "voxels 3"]
    """Cells in order of x, y, z, with the lowest coordinates at 0."""
    chosen: Int64[np.ndarray, " voxels"]
    """The point that stands for each cell."""
    groups: Groups
    """The points of each cell."""

    @property
    def inverse(self) -> Int64[np.ndarray, " points"]:
        """Row of each point's cell."""
        return self.groups.inverse()


def grid_sample(
    coord: Float32[np.ndarray, "points 3"], edge: float, rng: np.random.Generator | None = None
) -> GridSample:
    """One point for each cell of ``edge`` metres: a random one, or the first without ``rng``.

    Pointcept's GridSample in other words: cells are packed rather than hashed, so none collide.

    Raises:
        BadInput: the scan is too wide for the edge, or a coordinate is not a number.
    """
    cells = cells_of(coord, edge)
    groups = group(cells.number)
    chosen = groups.first_of_each() if rng is None else groups.one_of_each(rng)
    return GridSample(cells.grid(groups.key), chosen, groups)


def by_grid(grid: Int32[np.ndarray, "points 3"]) -> Groups:
    """Rows by their cells, none of which is negative, in the order of x, y, z."""
    return group(_packed(grid, _bits(grid.max(axis=0, initial=0))))


def occupied_voxels(coord: Float32[np.ndarray, "points 3"], edge: float) -> int:
    """Number of cells of ``edge`` metres that hold a point: a scene's cost."""
    return len(group(cells_of(coord, edge).number).key)


def cells_of(coord: Float32[np.ndarray, "points 3"], edge: float) -> Cells:
    """The cell of each point, counted from the lowest on each axis; 8 bytes a point.

    Raises:
        BadInput: as `grid_sample`.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused
        low, high = (np.floor(side / np.float32(edge)) for side in bounds(coord))
        last = high - low
    if not np.isfinite(last).all():
        raise BadInput(_NOT_NUMBERS)
    widest = int(last.max()) + 1
    if widest > 1 << _BITS:
        raise BadInput(
            f"a scan of {widest} cells of {edge} m on one axis; at most {1 << _BITS} fit: use a "
            "larger voxel, or cut the scan into tiles"
        )
    bits = _bits(last)
    number, all_inside = _numbered(coord, np.float32(edge), low, last, bits)
    if not all_inside:
        raise BadInput(_NOT_NUMBERS)
    return Cells(number, bits)


def _bits(last: Shaped[np.ndarray, " 3"]) -> Int64[np.ndarray, " 3"]:
    """Of the greatest cell on each axis."""
    return np.array([int(cell).bit_length() for cell in last], np.int64)


_NOT_NUMBERS = (
    "a scan with coordinates that are not finite numbers: validate its shards, or its file"
)


@kernel
@no_type_check
def _numbered(
    coord: Float32[np.ndarray, "points 3"],
    edge: np.float32,
    low: Float32[np.ndarray, " 3"],
    last: Float32[np.ndarray, " 3"],
    bits: Int64[np.ndarray, " 3"],
) -> tuple[Int64[np.ndarray, " points"], bool]:
    """The number of each point's cell, and whether all cells are between 0 and ``last``."""
    number, all_inside = np.empty(len(coord), np.int64), True
    for i in range(len(coord)):
        cell = 0
        for k in range(3):
            along = np.floor(coord[i, k] / edge) - low[k]
            all_inside &= 0 <= along <= last[k]  # what is not a number is not
            cell = (cell << bits[k]) | np.int64(along)
        number[i] = cell
    return number, all_inside


@kernel
@no_type_check
def _packed(
    grid: Int32[np.ndarray, "points 3"], bits: Int64[np.ndarray, " 3"]
) -> Int64[np.ndarray, " points"]:
    number = np.empty(len(grid), np.int64)
    for i in range(len(grid)):
        cell = 0
        for k in range(3):
            cell = (cell << bits[k]) | grid[i, k]
        number[i] = cell
    return number


@kernel
@no_type_check
def _unpacked(
    number: Int64[np.ndarray, " cells"], bits: Int64[np.ndarray, " 3"]
) -> Int32[np.ndarray, "cells 3"]:
    grid = np.empty((len(number), 3), np.int32)
    for i in range(len(number)):
        cell = number[i]
        for k in range(2, -1, -1):
            grid[i, k] = cell & ((1 << bits[k]) - 1)
            cell >>= bits[k]
    return grid
