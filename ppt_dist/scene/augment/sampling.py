"""Augmentations that leave points out."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ppt_dist.scene.augment.geometry import Share
from ppt_dist.scene.scene import Scene
from ppt_dist.section import Section


class Dropout(Section):
    """Leaves out a fixed part of the points; the others keep their order.

    Numbers as in Pointcept's released indoor recipes (``transform.py`` at d74c646), where the rest
    is shuffled too.
    """

    kind: Literal["dropout"] = "dropout"
    share: Share = 0.2
    """Share of the scenes that lose points."""
    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Part of the points that is lost."""

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene, thinner or as it was; at least one point stays."""
        if rng.random() >= self.share:
            return scene
        kept = max(int(len(scene) * (1 - self.ratio)), 1)
        return scene.take(np.sort(rng.choice(len(scene), kept, replace=False, shuffle=False)))
