"""Grid sampling: one point for each occupied cell, and the way back from cells to points."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int16, Int32, Int64


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
