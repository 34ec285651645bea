"""Elastic distortion: points drift with a smooth random field (Simard et al. 2003, in 3D).

Definition and numbers as in Pointcept (``transform.py`` at d74c646), which has them from Minkowski
networks: white noise on a grid, twice blurred by a box of three nodes, read trilinearly.
"""

from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Float32
from pydantic import PositiveFloat

from ppt_dist.scene.augment.geometry import Share
from ppt_dist.scene.scene import Scene
from ppt_dist.section import Section

Field = Float32[np.ndarray, "x y z 3"]


class ElasticDistortion(Section):
    """Moves points by one field after the other; normals stay, as in the official code."""

    kind: Literal["elastic"] = "elastic"
    share: Share = 0.95
    """Share of the scenes that all fields are applied to; the others get none."""
    fields: tuple[tuple[PositiveFloat, PositiveFloat], ...] = ((0.2, 0.4), (0.8, 1.6))
    """Spacing of the nodes and factor on the noise, metres, of each field."""

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene, bent or as it was."""
        if rng.random() >= self.share:
            return scene
        coord = scene.coord
        for spacing, magnitude in self.fields:
            nodes = nodes_over(coord, spacing)
            noise = smooth(rng.standard_normal((*nodes, 3), np.float32))
            coord = coord + np.float32(magnitude) * drift(coord, noise, spacing)
        return replace(scene, coord=coord)


def nodes_over(coord: Float32[np.ndarray, "points 3"], spacing: float) -> tuple[int, int, int]:
    """Nodes on each axis, from one spacing below the lowest point to beyond the highest."""
    x, y, z = np.ptp(coord, axis=0) // np.float32(spacing)
    return int(x) + 3, int(y) + 3, int(z) + 3


def smooth(noise: Field) -> Field:
    """The mean of three nodes along x, y and z, and again; zero beyond the grid."""
    for axis in (0, 1, 2) * 2:
        total = noise.copy()
        here, into = np.moveaxis(noise, axis, 0), np.moveaxis(total, axis, 0)
        into[1:] += here[:-1]
        into[:-1] += here[1:]
        noise = total / np.float32(3)
    return noise


def drift(
    coord: Float32[np.ndarray, "points 3"], noise: Field, spacing: float
) -> Float32[np.ndarray, "points 3"]:
    """The field at each point, trilinear between the eight nodes around it."""
    shape = np.array(noise.shape[:3])
    place = (coord - coord.min(axis=0)) / np.float32(spacing) + 1  # the first node is one below
    node = np.minimum(place.astype(np.int64), shape - 2)
    upper = place - node.astype(np.float32)
    stride = (int(shape[1] * shape[2]), int(shape[2]), 1)
    first = node[:, 0] * stride[0] + node[:, 1] * stride[1] + node[:, 2]
    rows = noise.reshape(-1, 3)

    def blended(axis: int, corner: int) -> Float32[np.ndarray, "points 3"]:
        """The field at a corner of each point's cell, linear along ``axis`` and those after it."""
        if axis == len(stride):
            return rows.take(first + corner, axis=0)
        low, high = blended(axis + 1, corner), blended(axis + 1, corner + stride[axis])
        high -= low
        high *= upper[:, axis : axis + 1]
        low += high
        return low

    return blended(0, 0)
