"""Augmentations of colour; each rounds back to whole grey levels, as a scene has them in a file."""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32, UInt8
from pydantic import Field

from ppt_dist.scene.augment.geometry import Share
from ppt_dist.scene.scene import Scene
from ppt_dist.section import Section

Strength = Annotated[float, Field(gt=0, le=1)]


class ChromaticAutoContrast(Section):
    """Blends the colours with themselves stretched to the whole range, channel by channel.

    The range is that of all points of the scene, since voxels are sampled later. A channel with one
    value has no range and stays; the official code divides by zero there.
    """

    kind: Literal["chromatic_auto_contrast"] = "chromatic_auto_contrast"
    share: Share = 0.2
    blend: Share | None = None
    """Part of the stretched colours; drawn for each scene where absent."""

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene, with more contrast or as it was."""
        if scene.color is None or rng.random() >= self.share:
            return scene
        blend = np.float32(rng.random() if self.blend is None else self.blend)
        low = scene.color.min(axis=0).astype(np.float32)
        span = scene.color.max(axis=0) - low
        stretched = np.where(
            span > 0, (scene.color - low) * (255 / np.maximum(span, 1)), scene.color
        )
        return replace(scene, color=_grey_levels((1 - blend) * scene.color + blend * stretched))


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
        offset = rng.uniform(-1, 1, 3).astype(np.float32) * np.float32(255 * self.ratio)
        return replace(scene, color=_grey_levels(scene.color + offset))


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
        noise = rng.standard_normal(scene.color.shape, np.float32) * np.float32(255 * self.std)
        return replace(scene, color=_grey_levels(scene.color + noise))


def _grey_levels(color: Float32[np.ndarray, "points 3"]) -> UInt8[np.ndarray, "points 3"]:
    return np.rint(color).clip(0, 255).astype(np.uint8)
