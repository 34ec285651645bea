"""Augmentations that move points. Each is called with a scene and its own generator."""

from typing import Literal

import numpy as np
from pydantic import PositiveFloat

from ppt_dist.scene.scene import Scene
from ppt_dist.section import Section


class Center(Section):
    """Puts the middle of the box at x = y = 0 and the lowest point at z = 0."""

    kind: Literal["center"] = "center"

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene, moved."""
        raise NotImplementedError


class Rotate(Section):
    """Turns points and normals about an axis by a uniform angle."""

    kind: Literal["rotate"] = "rotate"
    axis: Literal["x", "y", "z"] = "z"
    angle: PositiveFloat = 1.0
    """Largest angle, in units of pi."""
    share: float = 1.0
    """Share of the scenes that are turned."""


class Scale(Section):
    """Multiplies all coordinates by one uniform factor."""

    kind: Literal["scale"] = "scale"
    low: PositiveFloat = 0.9
    high: PositiveFloat = 1.1


class Flip(Section):
    """Mirrors x and, independently, y, with their normals."""

    kind: Literal["flip"] = "flip"
    share: float = 0.5


class Jitter(Section):
    """Adds clipped Gaussian noise to each coordinate."""

    kind: Literal["jitter"] = "jitter"
    sigma: PositiveFloat = 0.005
    """Metres."""
    clip: PositiveFloat = 0.02
    """Metres."""
