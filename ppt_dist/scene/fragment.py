"""Fragments: samples of a scan that each hold a point of every voxel, and together every point.

Pointcept's GridSample in test mode (``transform.py`` at d74c646) in other words: cells are packed
rather than hashed, so none collide, and the points of a voxel keep the scan's order, which the
official sort leaves open.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64

from ppt_dist.scene.voxel import grid_sample


@dataclass(frozen=True)
class Fragments:
    """Made one at a time: fragment ``f`` takes point ``f mod count`` of each voxel."""

    grid: Int32[np.ndarray, "voxels 3"]
    """Cells in order of x, y, z, with the lowest coordinates at 0; those of every fragment."""
    order: Int64[np.ndarray, " points"]
    """The points, voxel by voxel."""
    start: Int64[np.ndarray, " voxels"]
    """Where each voxel's points begin in ``order``."""
    count: Int64[np.ndarray, " voxels"]
    """Points of each voxel, at least one."""

    def __len__(self) -> int:
        """As many as the fullest voxel has points."""
        return int(self.count.max(initial=0))

    def points(self, fragment: int) -> Int64[np.ndarray, " voxels"]:
        """The point that stands for each voxel."""
        return self.order[self.start + fragment % self.count]


def fragments(coord: Float32[np.ndarray, "points 3"], edge: float) -> Fragments:
    """Those of a scan at cells of ``edge`` metres.

    Raises:
        BadInput: the scan is too wide for the edge.
    """
    sample = grid_sample(coord, edge)
    order, start = sample.groups.order, sample.groups.start
    return Fragments(sample.grid, order, start, np.diff(start, append=len(order)))
