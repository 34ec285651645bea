"""The official name of each of our tensors. Names are translated, positions never are."""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

View = Literal["same", "point", "prompt", "words"]
"""How the values lie there.

``same``: as ours. ``point``: as a 1x1x1 convolution ``[out, 1, 1, 1, in]``, whose memory the
official backend (spconv) reads as ``[in, out]``. ``prompt``: a row of a table of all conditions.
``words``: rows of the table of all classes.
"""

PROMPTS, WORDS = "embedding_table.weight", "class_embedding"
"""The two tables."""

COUNTER = "num_batches_tracked"
"""Last part of the names of batch counters, which we have none of."""


class Orders(NamedTuple):
    """Domains in the two orders that an official model numbers them in; they may differ."""

    wrapper: tuple[str, ...]
    """Of prompts and heads."""
    norm: tuple[str, ...]
    """Of the norms of the backbone."""


class Place(NamedTuple):
    """Where a tensor of ours stands in an official state dict."""

    key: str
    view: View
    domain: str = ""
    """Whose rows of a table these are."""


class _Rule(NamedTuple):
    ours: re.Pattern[str]
    theirs: str
    view: View


_CONVOLUTIONS = {
    "backbone.stem": "backbone.conv_input.conv",
    "backbone.encoder.{s}.conv": "backbone.down.{s}.conv",
    "backbone.encoder.{s}.blocks.{b}.first": "backbone.enc.{s}.block{b}.conv1",
    "backbone.encoder.{s}.blocks.{b}.second": "backbone.enc.{s}.block{b}.conv2",
    "backbone.decoder.{s}.conv": "backbone.up.{s}.conv",
    "backbone.decoder.{s}.blocks.{b}.first": "backbone.dec.{s}.block{b}.conv1",
    "backbone.decoder.{s}.blocks.{b}.second": "backbone.dec.{s}.block{b}.conv2",
}

_POINTS = {
    "backbone.encoder.{s}.blocks.{b}.project": "backbone.enc.{s}.block{b}.proj_conv",
    "backbone.decoder.{s}.blocks.{b}.project": "backbone.dec.{s}.block{b}.proj_conv",
    "backbone.final": "backbone.final",
}

_NORMS = {
    "backbone.stem_norm": "backbone.conv_input.bn",
    "backbone.encoder.{s}.norm": "backbone.down.{s}.bn",
    "backbone.encoder.{s}.blocks.{b}.first_norm": "backbone.enc.{s}.block{b}.bn1",
    "backbone.encoder.{s}.blocks.{b}.second_norm": "backbone.enc.{s}.block{b}.bn2",
    "backbone.encoder.{s}.blocks.{b}.project_norm": "backbone.enc.{s}.block{b}.proj_norm",
    "backbone.decoder.{s}.norm": "backbone.up.{s}.bn",
    "backbone.decoder.{s}.blocks.{b}.first_norm": "backbone.dec.{s}.block{b}.bn1",
    "backbone.decoder.{s}.blocks.{b}.second_norm": "backbone.dec.{s}.block{b}.bn2",
    "backbone.decoder.{s}.blocks.{b}.project_norm": "backbone.dec.{s}.block{b}.proj_norm",
}

_OF_A_NORM = {
    "weight": "weight",
    "bias": "bias",
    "running.mean": "running_mean",
    "running.var": "running_var",
}

_ELSEWHERE = {
    "backbone.final.bias": "backbone.final.bias",
    "head.project.weight": "proj_head.weight",
    "head.project.bias": "proj_head.bias",
    "head.logit_scale": "logit_scale",
    "head.weight.{head}": "seg_heads.{head}.weight",
    "head.bias.{head}": "seg_heads.{head}.bias",
}

_ORDER = (
    ("logit_scale", "class_embedding", "backbone", "embedding_table", "proj_head", "seg_heads"),
    ("conv_input", "down", "up", "enc", "dec", "final"),
    ("proj_conv", "proj_norm", "conv", "conv1", "bn1", "conv2", "bn2", "bns", "bn", "modulation"),
    ("weight", "bias", "running_mean", "running_var", COUNTER),
)
"""Parts of names in the order in which the official classes register them."""


def place_of(name: str, orders: Orders) -> Place | None:
    """Where our tensor ``name`` stands in an official state dict; None where it has no place."""
    if name.startswith("prompts.") and (domain := name.removeprefix("prompts.")) in orders.wrapper:
        return Place(PROMPTS, "prompt", domain)
    if name.startswith("head.words."):
        domain = name.removeprefix("head.words.")
        return Place(WORDS, "words", domain) if domain in orders.wrapper else None
    for rule in _RULES:
        if found := rule.ours.fullmatch(name):
            return _fill(rule, found.groupdict(), orders)
    return None


def counters_of(keys: Iterable[str]) -> list[str]:
    """The counters that stand beside the statistics among official ``keys``."""
    end = ".running_var"
    return [f"{k.removesuffix(end)}.{COUNTER}" for k in keys if k.endswith(end)]


def in_official_order(keys: Iterable[str]) -> list[str]:
    """The keys as the official classes list them."""
    rank = {part: i for parts in _ORDER for i, part in enumerate(parts)}

    def position(key: str) -> list[int]:
        parts = key.replace(".block", ".").split(".")
        return [int(part) if part.isdigit() else rank[part] for part in parts]

    return sorted(keys, key=position)


def _fill(rule: _Rule, found: dict[str, str], orders: Orders) -> Place | None:
    """The official name, with a domain replaced by its number in the order that counts there."""
    numbers = {"head": orders.wrapper, "norm": orders.norm}
    for field in found.keys() & numbers.keys():
        if found[field] not in numbers[field]:
            return None
        found[field] = str(numbers[field].index(found[field]))
    return Place(rule.theirs.format(**found), rule.view)


def _rule(ours: str, theirs: str, view: View = "same") -> _Rule:
    """A rule from two templates: ``s`` and ``b`` are numbers, ``head`` and ``norm`` domains."""
    pattern = re.escape(ours).replace(r"\{", "{").replace(r"\}", "}")
    fields = {"s": r"(?P<s>\d+)", "b": r"(?P<b>\d+)"}
    domains = {"head": r"(?P<head>[^.]+)", "norm": r"(?P<norm>[^.]+)"}
    return _Rule(re.compile(pattern.format(**fields, **domains)), theirs, view)


def _rules() -> Iterable[_Rule]:
    for ours, theirs in _CONVOLUTIONS.items():
        yield _rule(f"{ours}.weight", f"{theirs}.weight")
    for ours, theirs in _POINTS.items():
        yield _rule(f"{ours}.weight", f"{theirs}.weight", "point")
    for ours, theirs in _NORMS.items():
        for leaf, official in _OF_A_NORM.items():
            yield _rule(f"{ours}.{leaf}.every_domain", f"{theirs}.bn.{official}")
            yield _rule(f"{ours}.{leaf}.{{norm}}", f"{theirs}.bns.{{norm}}.{official}")
        for leaf in ("weight", "bias"):
            yield _rule(f"{ours}.modulation.linear.{leaf}", f"{theirs}.modulation.1.{leaf}")
    for ours, theirs in _ELSEWHERE.items():
        yield _rule(ours, theirs)


_RULES = tuple(_rules())
