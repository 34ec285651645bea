"""Augmentations of colour; from the first one on levels are floats, as in the official code."""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32
from pydantic import Field

from ppt_dist.scene.augment.geometry import Share
from ppt_dist.scene.augment.noise import noise
from ppt_dist.scene.rows import bounds, scaled
from ppt_dist.scene.scene import Scene
from ppt_dist.section import Section

Strength = Annotated[float, Field(gt=0, le=1)]
WHITE = 255.0
"""The highest level."""


class ChromaticAutoContrast(Section):
    """Blends the colours with themselves stretched to the whole range, channel by channel.

    The range is that of all points of the scene, since voxels are sampled later.
    """

    kind: Literal["chromatic_auto_contrast"] = "chromatic_auto_contrast"
    share: Share = 0.2
    blend: Share | None = None
    """Part of the stretched colours; drawn for each scene where absent."""
    flat: Literal["stays", "official"] = "stays"
    """A channel of one level, which has no range: it stays, or is stretched to black where another
    channel has a range, as in the official code."""

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene, with more contrast or as it was."""
        if scene.color is None or rng.random() >= self.share:
            return scene
        blend = rng.random() if self.blend is None else self.blend
        color = levels(scene.color)
        low, high = (side.astype(float) for side in bounds(color))
        span = high - low
        if not span.any():
            return scene
        flat = span == 0
        stretch = WHITE / np.where(flat, WHITE, span)
        black = np.where(flat & (self.flat == "stays"), 0, low)
        gain = 1 - blend + blend * stretch
        return replace(scene, color=_kept_in_range(scaled(color, gain, -blend * stretch * black)))


class ChromaticTranslation(Section):
    """Adds one offset a channel to the whole scene."""

    kind: Literal["chromatic_translation"] = "chromatic_translation"
    share: Share = 0.95
    ratio: Strength = 0.05
    """Largest offset, as a share of 255 to both sides."""

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene, tinted or as it was."""
        if scene.color is None or rng.random() >= self.share:
            return scene
        offset = rng.uniform(-1, 1, 3) * WHITE * self.ratio
        color = scaled(levels(scene.color), np.ones(3), offset)
        return replace(scene, color=_kept_in_range(color))


class ChromaticJitter(Section):
    """Adds Gaussian noise to the colour of each point."""

    kind: Literal["chromatic_jitter"] = "chromatic_jitter"
    share: Share = 0.95
    std: Strength = 0.05
    """Of the noise, as a share of 255."""

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene, noisier or as it was."""
        if scene.color is None or rng.random() >= self.share:
            return scene
        color = noise(len(scene), WHITE * self.std, rng)
        color += scene.color
        return replace(scene, color=_kept_in_range(color))


TINTS = (ChromaticTranslation, ChromaticJitter)
"""Those that treat each point by itself, whatever others there are."""


def levels(color: np.ndarray) -> Float32[np.ndarray, "points 3"]:
    """The levels of a scene as floats."""
    return color.astype(np.float32, copy=False)


def _kept_in_range(color: Float32[np.ndarray, "points 3"]) -> Float32[np.ndarray, "points 3"]:
    """The same array, clipped."""
    return color.clip(0, WHITE, out=color)
