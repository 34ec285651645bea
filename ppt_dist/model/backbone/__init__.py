"""Backbones: voxel features in, voxel features out.

A new one is a file here and a name in `BackboneConfig`.
"""

from ppt_dist.model.backbone.spunet import SpUNetConfig

BackboneConfig = SpUNetConfig
"""Becomes a union, told apart by ``kind``, with the second backbone."""
