"""Heads: voxel features to logits. A new one is a file here and a name in `HeadConfig`."""

from ppt_dist.model.head.language import LanguageConfig

HeadConfig = LanguageConfig
"""Becomes a union, told apart by ``kind``, with the second head."""
