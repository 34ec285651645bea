"""Augmentations: each a frozen section that maps a scene and a generator to a scene."""

from typing import Annotated

from pydantic import Field

from ppt_dist.scene.augment.colour import ChromaticJitter, ChromaticTranslation
from ppt_dist.scene.augment.geometry import Center, Flip, Jitter, Rotate, Scale

Augment = Annotated[
    Center | Rotate | Scale | Flip | Jitter | ChromaticTranslation | ChromaticJitter,
    Field(discriminator="kind"),
]
"""One augmentation of a run file, told apart by ``kind``."""
