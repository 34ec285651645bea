"""Adapters: how a prompt reaches the backbone.

A new one is a file here and a name in `AdapterConfig`; see `docs/adding-a-backbone.md` for the
way of a module from its file into a run.
"""

from typing import Annotated

from ppt_dist.model.adapter.attention import AttentionConfig
from ppt_dist.model.adapter.injection import InjectionConfig
from ppt_dist.model.adapter.none import NoneConfig
from ppt_dist.model.adapter.pdnorm import PDNormConfig
from ppt_dist.section import ByKind

AdapterConfig = Annotated[PDNormConfig | InjectionConfig | AttentionConfig | NoneConfig, ByKind()]
