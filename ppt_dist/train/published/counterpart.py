"""Our model of an official configuration, with the official weights in it."""

from pathlib import Path

import torch

from ppt_dist.model.adapter import PDNormConfig
from ppt_dist.model.backbone import SpUNetConfig
from ppt_dist.model.head import DecoupledConfig, HeadConfig, LanguageConfig
from ppt_dist.model.head.head import DomainLabels
from ppt_dist.model.ppt import PPT, Parts, build_model
from ppt_dist.scene.labels import LabelSet
from ppt_dist.section import BadInput, parse
from ppt_dist.train.published.compare import refuse_misfits
from ppt_dist.train.published.config import PPTConfig, SpUNet
from ppt_dist.train.published.convert import Tensors, adopt
from ppt_dist.train.published.layout import Layout
from ppt_dist.train.published.names import WORDS
from ppt_dist.train.restore import alone


def layout_of(config: PPTConfig, official: Tensors) -> Layout:
    """The configuration's numbers; each condition is a domain of the same name, or nearly."""
    known = config.known()
    table = official.get(WORDS)
    numbers = {
        "conditions": known.conditions,
        "norm_conditions": known.norm_conditions,
        "domains": {c: f"{c.replace('.', '_')}:{k}" for k, c in enumerate(known.conditions)},
        "rows": known.valid_index,
        "table": table.shape[0] if table is not None and table.ndim else None,
        "class_name": known.class_name,
    }
    return parse(Layout, numbers, "the configuration")


def counterpart(config: PPTConfig, layout: Layout, official: Tensors) -> PPT:
    """Our model of ``config`` with the ``official`` weights.

    Raises:
        BadInput: the weights are not those of the configuration; lists every tensor that differs.
    """
    parts = _parts(config)
    ppt = build_model(parts, _domains(config, layout, official), alone, seed=0)
    refuse_misfits(official, ppt.state_dict(), layout, "the configuration")
    ppt.load_state_dict(adopt(official, ppt.state_dict(), layout))
    return ppt


def _parts(config: PPTConfig) -> Parts:
    if config.backbone.enc_mode or config.backbone.cls_mode:
        raise BadInput("the backbone is in encoder mode, which gives no result for a point")
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
        _head(config),
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
        final_channels=config.num_classes,
    )


def _head(config: PPTConfig) -> HeadConfig:
    return LanguageConfig(vectors=Path()) if config.type == "PPT-v1m1" else DecoupledConfig()


def _domains(config: PPTConfig, layout: Layout, official: Tensors) -> dict[str, DomainLabels]:
    """Classes of each condition, called by their numbers, and words of the right shape."""
    if config.type == "PPT-v1m2":
        numbers = config.num_classes or ()
        if len(numbers) != len(layout.conditions):
            raise BadInput(
                f"num_classes has {len(numbers)} numbers for {len(layout.conditions)} conditions"
            )
        sizes = zip(layout.conditions, numbers, strict=True)
        return {layout.domains[c]: DomainLabels(_labels(number)) for c, number in sizes}
    if WORDS not in official or official[WORDS].ndim != 2:
        raise BadInput(f"the configuration is of {config.type}, but there is no table {WORDS}")
    width = official[WORDS].shape[1]
    return {
        domain: DomainLabels(_labels(len(layout.rows[c])), torch.ones(len(layout.rows[c]), width))
        for c, domain in layout.domains.items()
    }


def _labels(number: int) -> LabelSet:
    names = tuple(str(i) for i in range(number))
    return LabelSet(names=names, words=names)
