"""The official configuration that fits official weights, as Pointcept's keys."""

from typing import Any

from ppt_dist.run import LossConfig
from ppt_dist.scene.scene import UNLABELLED
from ppt_dist.train.published.convert import Tensors
from ppt_dist.train.published.layout import Layout
from ppt_dist.train.published.names import PROMPTS, WORDS


def describe(official: Tensors, layout: Layout, loss: LossConfig) -> dict[str, Any]:
    """The table ``model`` of an official configuration; `read_config` reads it again."""
    table = {
        "type": "PPT-v1m1" if WORDS in official else "PPT-v1m2",
        "backbone": _backbone(official, layout),
        "criteria": _criteria(loss),
        "backbone_out_channels": _width(official),
        "context_channels": official[PROMPTS].shape[1],
        "conditions": list(layout.conditions),
    }
    if WORDS in official:
        lists = [list(layout.rows[c]) for c in layout.conditions]
        return table | {"class_name": list(layout.class_name), "valid_index": lists}
    heads = [official[f"seg_heads.{k}.bias"] for k in range(len(layout.conditions))]
    return table | {"num_classes": [len(head) for head in heads]}


def _criteria(loss: LossConfig) -> list[dict[str, Any]]:
    """The official classes take Lovasz over the batch, whatever the run took it over."""
    terms = (
        (loss.cross_entropy, {"type": "CrossEntropyLoss"}),
        (loss.lovasz, {"type": "LovaszLoss", "mode": "multiclass"}),
    )
    return [kind | {"loss_weight": w, "ignore_index": UNLABELLED} for w, kind in terms if w]


def _backbone(official: Tensors, layout: Layout) -> dict[str, Any]:
    stages = range(_count(official, "backbone.down.{}.conv.weight"))
    coarse_first = list(reversed(stages))
    down = [len(official[f"backbone.down.{s}.conv.weight"]) for s in stages]
    up = [len(official[f"backbone.up.{s}.conv.weight"]) for s in coarse_first]
    depths = [_count(official, f"backbone.enc.{s}.block{{}}.conv1.weight") for s in stages]
    depths += [_count(official, f"backbone.dec.{s}.block{{}}.conv1.weight") for s in coarse_first]
    final = official.get("backbone.final.bias")
    norm = "backbone.conv_input.bn"
    return {
        "type": "SpUNet-v1m3",
        "in_channels": official["backbone.conv_input.conv.weight"].shape[-1],
        "num_classes": 0 if final is None else len(final),
        "base_channels": len(official["backbone.conv_input.conv.weight"]),
        "context_channels": official[PROMPTS].shape[1],
        "channels": [*down, *up],
        "layers": depths,
        "conditions": list(layout.norm_conditions),
        "zero_init": False,
        "norm_decouple": f"{norm}.bns.0.running_mean" in official,
        "norm_adaptive": f"{norm}.modulation.1.weight" in official,
        "norm_affine": any(k.startswith((f"{norm}.bn.w", f"{norm}.bns.0.w")) for k in official),
    }


def _width(official: Tensors) -> int:
    return official["proj_head.weight" if WORDS in official else "seg_heads.0.weight"].shape[1]


def _count(official: Tensors, template: str) -> int:
    """How many of the keys of a template there are, counted from 0."""
    number = 0
    while template.format(number) in official:
        number += 1
    return number
