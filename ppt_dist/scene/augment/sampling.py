"""Augmentations that leave points out."""

from typing import Annotated, Literal, no_type_check

import numpy as np
from jaxtyping import Int64
from pydantic import Field

from ppt_dist.scene.augment.geometry import Share
from ppt_dist.scene.kernel import kernel
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
        """The scene, thinner or as it was; at least one point stays, if there is any."""
        if rng.random() >= self.share:
            return scene
        kept = min(max(int(len(scene) * (1 - self.ratio)), 1), len(scene))
        return scene.take(_some(len(scene), kept, rng))


@kernel
@no_type_check
def _some(of: int, kept: int, rng: np.random.Generator) -> Int64[np.ndarray, " kept"]:
    """``kept`` of the numbers below ``of``, ascending, every such choice equally likely.

    Selection sampling (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S): a number is
    taken with the probability that is left to it, those still wanted over those still to come.
    """
    chosen, found = np.empty(kept, np.int64), 0
    for i in range(of):
        if rng.random() * (of - i) < kept - found:
            chosen[found] = i
            found += 1
    return chosen
