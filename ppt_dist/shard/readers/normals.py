"""Normals where a format has none: area-weighted from faces, or estimated from nearest points."""

import numpy as np
from jaxtyping import Float32, Float64, Int32
from scipy.spatial import KDTree

CHUNK = 65_536
"""Points whose neighbourhoods are in memory at once."""


def of_mesh(
    coord: Float32[np.ndarray, "points 3"], triangles: Int32[np.ndarray, "faces 3"]
) -> Float32[np.ndarray, "points 3"]:
    """Mean of the adjacent faces' normals, weighted by area; zero where a vertex has no face."""
    corner = coord.astype(np.float64)[triangles]
    doubled_area = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    vertex = triangles.T.ravel()
    weight = np.tile(doubled_area, (3, 1))
    total = [np.bincount(vertex, weight[:, axis], len(coord)) for axis in range(3)]
    return unit(np.stack(total, axis=1))


def of_points(
    coord: Float32[np.ndarray, "points 3"], neighbours: int
) -> Float32[np.ndarray, "points 3"]:
    """Smallest principal axis of each point's nearest ``neighbours``, itself among them.

    Turned towards the middle of the bounding box. Zero where there are fewer than three points.
    """
    cloud = coord.astype(np.float64)
    if len(cloud) < 3:
        return np.zeros_like(coord)
    tree, size = KDTree(cloud), min(neighbours, len(cloud))
    axes = [
        _smallest_axis(cloud[tree.query(cloud[start : start + CHUNK], k=size)[1]])
        for start in range(0, len(cloud), CHUNK)
    ]
    axis = np.concatenate(axes)
    inward = (cloud.min(axis=0) + cloud.max(axis=0)) / 2 - cloud
    axis[np.einsum("ij,ij->i", axis, inward) < 0] *= -1
    return unit(axis)


def _smallest_axis(
    near: Float64[np.ndarray, "points neighbours 3"],
) -> Float64[np.ndarray, "points 3"]:
    spread = near - near.mean(axis=1, keepdims=True)
    scatter = np.einsum("pni,pnj->pij", spread, spread)
    return np.linalg.eigh(scatter)[1][:, :, 0]


def unit(rows: Float64[np.ndarray, "points 3"]) -> Float32[np.ndarray, "points 3"]:
    """Rows of length one; rows of zeros stay."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0).astype(np.float32)
