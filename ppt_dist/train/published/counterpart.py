"""Our model of an official configuration, with the official weights in it."""

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ppt_dist.model.adapter import PDNormConfig
from ppt_dist.model.backbone import SpUNetConfig
from ppt_dist.model.head import LanguageConfig
from ppt_dist.model.ppt import PPT, Parts, build_model
from ppt_dist.section import BadInput
from ppt_dist.train.published.compare import refuse_misfits
from ppt_dist.train.published.config import PPTConfig, SpUNet
from ppt_dist.train.published.convert import Tensors, adopt
from ppt_dist.train.published.layout import Layout
from ppt_dist.train.published.names import WORDS
from ppt_dist.train.restore import alone


def layout_of(config: PPTConfig, official: Tensors) -> Layout:
    """The configuration's numbers; each condition is a domain of the same name, or nearly."""
    known = config.known()
    if len(known.conditions) != len(set(known.conditions)):
        raise BadInput(f"conditions {', '.join(known.conditions)}: one stands twice")
    table = official.get(WORDS)
    return Layout(
        conditions=known.conditions,
        norm_conditions=known.norm_conditions,
        domains={c: f"{c.replace('.', '_')}:{k}" for k, c in enumerate(known.conditions)},
        rows=known.valid_index,
        table=len(table) if table is not None and len(table) else None,
        class_name=known.class_name,
    )


def counterpart(config: PPTConfig, layout: Layout, official: Tensors) -> PPT:
    """Our model of ``config`` with the ``official`` weights.

    Raises:
        BadInput: the weights are not those of the configuration; lists every tensor that differs.
    """
    parts = _parts(config, official)
    ppt = build_model(parts, _vectors(config, layout, official), alone, seed=0)
    refuse_misfits(official, ppt.state_dict(), layout, "the configuration")
    ppt.load_state_dict(adopt(official, ppt.state_dict(), layout))
    return ppt


def _parts(config: PPTConfig, official: Tensors) -> Parts:
    head = LanguageConfig(vectors=Path(), temperature=_temperature(official))
    return Parts(
        config.backbone.in_channels,
        config.context_channels,
        _backbone(config.backbone),
        PDNormConfig(
            decouple=config.backbone.norm_decouple,
            adaptive=config.backbone.norm_adaptive,
            affine=config.backbone.norm_affine,
            zero_init=config.backbone.zero_init,
        ),
        head,
    )


def _backbone(config: SpUNet) -> SpUNetConfig:
    """Ours lists the decoder's stages from the finest."""
    if len(config.channels) != len(config.layers) or len(config.channels) % 2:
        raise BadInput(
            f"backbone: {len(config.channels)} channels and {len(config.layers)} layers: must be "
            "equally many, half for the encoder and half for the decoder"
        )
    stages = len(config.channels) // 2
    return SpUNetConfig(
        stem_channels=config.base_channels,
        encoder_channels=config.channels[:stages],
        encoder_depths=config.layers[:stages],
        decoder_channels=config.channels[: -stages - 1 : -1],
        decoder_depths=config.layers[: -stages - 1 : -1],
    )


def _temperature(official: Tensors) -> float:
    scale = official.get("logit_scale")
    return 1.0 if scale is None else math.exp(-float(scale))


def _vectors(config: PPTConfig, layout: Layout, official: Tensors) -> Mapping[str, Tensor]:
    """Vectors of the right shapes; those of the file replace them."""
    if WORDS not in official:
        raise BadInput(f"the configuration is of {config.type}, but there is no {WORDS!r}")
    width = official[WORDS].shape[1:].numel()
    return {
        domain: torch.ones(len(layout.rows[condition]), width)
        for condition, domain in layout.domains.items()
    }
