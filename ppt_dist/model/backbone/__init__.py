"""Backbones: voxel features in, voxel features out.

A new one is a file here and a name in `BackboneConfig`: see `docs/adding-a-backbone.md`.
"""

from typing import Annotated

from ppt_dist.model.backbone.spunet import SpUNetConfig
from ppt_dist.section import ByKind

BackboneConfig = Annotated[SpUNetConfig, ByKind()]
