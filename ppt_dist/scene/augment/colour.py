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
