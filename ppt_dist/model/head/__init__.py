"""Heads: voxel features to logits. A new one is a file here and a name in `HeadConfig`."""

from typing import Annotated

from ppt_dist.model.head.decoupled import DecoupledConfig
from ppt_dist.model.head.language import LanguageConfig
from ppt_dist.model.head.unionized import UnionizedConfig
from ppt_dist.section import ByKind

HeadConfig = Annotated[LanguageConfig | DecoupledConfig | UnionizedConfig, ByKind()]
