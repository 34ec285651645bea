"""Adapters: how a prompt reaches the backbone.

A new one is a file here and a name in `AdapterConfig`.
"""

from ppt_dist.model.adapter.pdnorm import PDNormConfig

AdapterConfig = PDNormConfig
"""Becomes a union, told apart by ``kind``, with the second adapter."""
