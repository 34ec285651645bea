"""Elastic distortion: points drift with a smooth random field (Simard et al. 2003, in 3D).

Definition and numbers as in Pointcept (``transform.py`` at d74c646), which has them from Minkowski
networks: white noise on a grid, twice blurred by a box of three nodes, read trilinearly.
"""

import math
from dataclasses import replace
from typing import Literal, no_type_check

import numpy as np
from jaxtyping import Float32
from pydantic import PositiveFloat

from ppt_dist.scene.augment.geometry import Share
from ppt_dist.scene.augment.noise import noise
from ppt_dist.scene.kernel import kernel
from ppt_dist.scene.rows import Bounds, bounds
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
            box = bounds(coord)
            nodes = nodes_over(box, spacing)
            field = smooth(noise(math.prod(nodes), magnitude, rng).reshape(*nodes, 3))
            coord = drifted(coord, field, box.low, spacing)
        return replace(scene, coord=coord)


def nodes_over(box: Bounds, spacing: float) -> tuple[int, int, int]:
    """Nodes on each axis, from one spacing below the lowest point to beyond the highest."""
    x, y, z = (box.high - box.low) // np.float32(spacing)
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


def drifted(
    coord: Float32[np.ndarray, "points 3"],
    field: Field,
    low: Float32[np.ndarray, " 3"],
    spacing: float,
) -> Float32[np.ndarray, "points 3"]:
    """Each point moved by the field there, trilinear between the eight nodes around it.

    The second node on each axis is at ``low``.
    """
    return _drifted(coord, field, low, np.float32(1 / spacing))


@kernel
@no_type_check
def _drifted(
    coord: Float32[np.ndarray, "points 3"],
    field: Field,
    low: Float32[np.ndarray, " 3"],
    nodes_a_metre: np.float32,
) -> Float32[np.ndarray, "points 3"]:
    out = np.empty_like(coord)
    one = np.float32(1)
    x_last, y_last, z_last = [np.float32(n - 2) for n in field.shape[:3]]
    # Numbers without a sign: numba looks at others whether they count from the end.
    step = np.uint64(3)
    y_step = np.uint64(field.shape[2]) * step
    x_step = np.uint64(field.shape[1]) * y_step
    flat = field.reshape(-1)
    for i in range(len(coord)):
        x = (coord[i, 0] - low[0]) * nodes_a_metre + one
        y = (coord[i, 1] - low[1]) * nodes_a_metre + one
        z = (coord[i, 2] - low[2]) * nodes_a_metre + one
        # What is not a number ends at the first node: it must not become an address.
        a = np.uint64(min(x, x_last)) if x > 0 else np.uint64(0)
        b = np.uint64(min(y, y_last)) if y > 0 else np.uint64(0)
        c = np.uint64(min(z, z_last)) if z > 0 else np.uint64(0)
        u, v, w = x - np.float32(a), y - np.float32(b), z - np.float32(c)
        for k in range(3):
            p = a * x_step + b * y_step + c * step + np.uint64(k)
            q, r, s = p + y_step, p + x_step, p + x_step + y_step
            low_low = flat[p] + (flat[p + step] - flat[p]) * w
            low_high = flat[q] + (flat[q + step] - flat[q]) * w
            high_low = flat[r] + (flat[r + step] - flat[r]) * w
            high_high = flat[s] + (flat[s + step] - flat[s]) * w
            below = low_low + (low_high - low_low) * v
            above = high_low + (high_high - high_low) * v
            out[i, k] = coord[i, k] + (below + (above - below) * u)
    return out
