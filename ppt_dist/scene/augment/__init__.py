"""Augmentations: each a frozen section that maps a scene and a generator to a scene.

The official ShufflePoint has no counterpart: no layer of ours reads the order of voxels, and cells
in order are read faster.
"""

from typing import Annotated

from pydantic import Field

from ppt_dist.scene.augment.colour import (
    ChromaticAutoContrast,
    ChromaticJitter,
    ChromaticTranslation,
)
from ppt_dist.scene.augment.elastic import ElasticDistortion
from ppt_dist.scene.augment.geometry import Center, Clamp, Flip, Jitter, Rotate, Scale
from ppt_dist.scene.augment.sampling import Dropout

Augment = Annotated[
    Center
    | Dropout
    | Rotate
    | Clamp
    | Scale
    | Flip
    | Jitter
    | ElasticDistortion
    | ChromaticAutoContrast
    | ChromaticTranslation
    | ChromaticJitter,
    Field(discriminator="kind"),
]
"""One augmentation of a run file, told apart by ``kind``."""
