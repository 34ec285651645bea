"""Augmentations that move points; each is called with a scene and the scene's own generator.

Definitions and numbers as in Pointcept's released recipes (``transform.py`` at d74c646).
"""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float64
from pydantic import AfterValidator, Field, PositiveFloat

from ppt_dist.scene.augment.noise import noise
from ppt_dist.scene.rows import bounds, clipped, mapped, scaled
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
        box = bounds(scene.coord)
        shift = box.middle().astype(float)
        shift[2] = box.low[2] if self.floor else 0
        return replace(scene, coord=scaled(scene.coord, np.ones(3), -shift))


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
        pivot = np.zeros(3)
        if self.axis != "z":
            pivot = bounds(scene.coord).middle().astype(float)
        coord = mapped(scene.coord, turn, pivot - turn @ pivot)
        normal = None if scene.normal is None else mapped(scene.normal, turn, np.zeros(3))
        return replace(scene, coord=coord, normal=normal)


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
        mirrored = rng.random(2) < self.share
        if not mirrored.any():
            return scene
        sign = np.where([*mirrored, False], -1.0, 1.0)
        normal = None if scene.normal is None else scaled(scene.normal, sign)
        return replace(scene, coord=scaled(scene.coord, sign), normal=normal)


class Jitter(Section):
    """Adds clipped Gaussian noise to each coordinate; normals stay."""

    kind: Literal["jitter"] = "jitter"
    sigma: PositiveFloat = 0.005
    """Metres."""
    clip: PositiveFloat = 0.02
    """Metres."""

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene, blurred."""
        coord = noise(len(scene), self.sigma, rng, self.clip)
        coord += scene.coord
        return replace(scene, coord=coord)


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
        return replace(scene, coord=clipped(scene.coord, low, high))


def rotation(axis: Literal["x", "y", "z"], angle: float) -> Float64[np.ndarray, "3 3"]:
    """Right-handed rotation about an axis by ``angle`` radians."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    return matrix
