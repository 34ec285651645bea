"""Augmentations that move points; each is called with a scene and the scene's own generator.

Definitions and numbers as in Pointcept's released recipes (``transform.py`` at d74c646).
"""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32, Float64
from pydantic import AfterValidator, Field, PositiveFloat

from ppt_dist.scene.scene import Scene
from ppt_dist.section import Section

Share = Annotated[float, Field(ge=0, le=1)]


def _not_empty(box: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in zip(box[:3], box[3:], strict=True)):
        raise ValueError("a box is the least x, y, z and then the greatest x, y, z")
    return box


Box = Annotated[tuple[float, float, float, float, float, float], AfterValidator(_not_empty)]
"""Least x, y, z, then greatest x, y, z, metres."""


class Center(Section):
    """Puts the middle of the bounding box at x = y = 0 and, with ``floor``, the lowest z at 0."""

    kind: Literal["center"] = "center"
    floor: bool = True

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:  # noqa: ARG002
        """The scene, moved."""
        low, high = scene.coord.min(axis=0), scene.coord.max(axis=0)
        middle = (low + high) / 2
        shift = np.array([middle[0], middle[1], low[2] if self.floor else 0], np.float32)
        return replace(scene, coord=scene.coord - shift)


class Rotate(Section):
    """Turns points and normals: about z through the origin, about x and y through the middle."""

    kind: Literal["rotate"] = "rotate"
    axis: Literal["x", "y", "z"] = "z"
    angle: PositiveFloat = 1.0
    """Largest angle, in units of pi; drawn uniformly to both sides."""
    share: Share = 1.0
    """Share of the scenes that are turned."""

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene, turned or as it was."""
        if rng.random() >= self.share:
            return scene
        turn = rotation(self.axis, rng.uniform(-self.angle, self.angle) * np.pi)
        pivot = np.zeros(3, np.float32)
        if self.axis != "z":
            pivot = (scene.coord.min(axis=0) + scene.coord.max(axis=0)) / 2
        normal = None if scene.normal is None else turned(scene.normal, turn)
        return replace(scene, coord=turned(scene.coord - pivot, turn) + pivot, normal=normal)


class Scale(Section):
    """Multiplies all coordinates by one uniform factor."""

    kind: Literal["scale"] = "scale"
    low: PositiveFloat = 0.9
    high: PositiveFloat = 1.1

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene, larger or smaller."""
        return replace(scene, coord=scene.coord * np.float32(rng.uniform(self.low, self.high)))


class Flip(Section):
    """Mirrors x and, independently, y, with their normals."""

    kind: Literal["flip"] = "flip"
    share: Share = 0.5

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene, mirrored or as it was."""
        sign = np.ones(3, np.float32)
        sign[:2][rng.random(2) < self.share] = -1
        normal = None if scene.normal is None else scene.normal * sign
        return replace(scene, coord=scene.coord * sign, normal=normal)


class Jitter(Section):
    """Adds clipped Gaussian noise to each coordinate; normals stay."""

    kind: Literal["jitter"] = "jitter"
    sigma: PositiveFloat = 0.005
    """Metres."""
    clip: PositiveFloat = 0.02
    """Metres."""

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene, blurred."""
        noise = rng.standard_normal(scene.coord.shape, np.float32) * np.float32(self.sigma)
        return replace(scene, coord=scene.coord + noise.clip(-self.clip, self.clip))


class Clamp(Section):
    """Moves each point outside of a box to the nearest point of its faces; none is dropped.

    The official PointClip. What lies far away ends as a sheet on the faces, with its labels.
    """

    kind: Literal["clamp"] = "clamp"
    box: Box | None = None
    """That of the domain in the run file where absent."""

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:  # noqa: ARG002
        """The scene, within the box."""
        if self.box is None:
            raise ValueError("clamp was given no box")
        low, high = np.array(self.box, np.float32).reshape(2, 3)
        return replace(scene, coord=scene.coord.clip(low, high))


def rotation(axis: Literal["x", "y", "z"], angle: float) -> Float64[np.ndarray, "3 3"]:
    """Right-handed rotation about an axis by ``angle`` radians."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    return matrix


def turned(
    rows: Float32[np.ndarray, "points 3"], turn: Float64[np.ndarray, "3 3"]
) -> Float32[np.ndarray, "points 3"]:
    """Each row turned, column by column: the same sums everywhere, unlike a matrix product."""
    x, y, z = rows.T
    t = turn.astype(np.float32)
    return np.stack([x * t[k, 0] + y * t[k, 1] + z * t[k, 2] for k in range(3)], axis=1)
