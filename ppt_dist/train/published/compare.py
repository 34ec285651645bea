"""Official weights against the model that they are meant for: every difference, by name."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ppt_dist.section import BadInput
from ppt_dist.train.published.convert import Tensors, publish
from ppt_dist.train.published.layout import Layout
from ppt_dist.train.published.names import WORDS, counters_of

_WORDS = "head.words."

_TRANSFORMER = "backbone.embedding."

_FLOATS = (torch.float32, torch.float16, torch.bfloat16)


def refuse_misfits(official: Tensors, ours: Tensors, layout: Layout, model: str) -> None:
    """Refuse weights that are not those of the model with the tensors ``ours``.

    Args:
        official: the weights, by official names.
        ours: the model's state dict; only its names, shapes and types are read.
        layout: how the official model numbers domains and classes.
        model: whose the tensors ``ours`` are, for the message.

    Raises:
        BadInput: lists every tensor that is missing, unexpected or of another shape or type.
    """
    wanted = _wanted(official, ours, layout)
    optional = set(counters_of(wanted))
    aside = {key for key in official if key not in wanted and _of_left_out(key, layout)}
    missing = [f"{key}: {_shape(v)}" for key, v in wanted.items() if key not in official]
    more = [key for key in official if key not in wanted.keys() | optional | aside]
    unexpected = [f"{key}: {_shape(official[key])}" for key in more]
    wrong = [
        f"{key}: {_shape(official[key])}, wanted is {_shape(value)}"
        for key, value in wanted.items()
        if key in official and not _fits(official[key], value)
    ]
    if any(key.startswith(_TRANSFORMER) for key in official):
        model += " (but of Point Transformer V3, which is not supported yet)"
    _refuse(model, {"missing": missing, "unexpected": unexpected, "misshapen": wrong})


def _wanted(official: Tensors, ours: Tensors, layout: Layout) -> dict[str, Tensor]:
    """What the model wants, without storage, by official names."""
    bare = {name: torch.empty_like(value, device="meta") for name, value in ours.items()}
    words = {name: bare.pop(name) for name in ours if name.startswith(_WORDS)}
    wanted = publish(bare, layout, {})
    if words:
        size, width = layout.table or 0, next(iter(words.values())).shape[1]
        wanted[WORDS] = torch.empty(size, width, device="meta")
    if WORDS in official:
        classes = {name.removeprefix(_WORDS): len(rows) for name, rows in words.items()}
        _refuse_rows(layout, official[WORDS].shape[:1].numel(), classes)
    return wanted


def _refuse(model: str, faults: dict[str, list[str]]) -> None:
    lines = []
    for kind, found in faults.items():
        lines += [f"{len(found)} {kind}:", *(f"  {line}" for line in found)] if found else []
    if lines:
        raise BadInput("\n".join([f"these are not weights of {model}:", *lines]))


def _fits(found: Tensor, wanted: Tensor) -> bool:
    return found.shape == wanted.shape and found.dtype in _FLOATS


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _of_left_out(key: str, layout: Layout) -> bool:
    """Whether the tensor belongs to a condition that has no domain."""
    parts = key.split(".")
    for name, order in (("bns", layout.norm_conditions), ("seg_heads", layout.conditions)):
        if name in parts[:-1] and (number := parts[parts.index(name) + 1]).isdigit():
            return int(number) < len(order) and order[int(number)] not in layout.domains
    return False


def _refuse_rows(layout: Layout, table: int, classes: Mapping[str, int]) -> None:
    """Refuse lists of words that do not fit the class table, or the domain's classes."""
    faults = []
    for domain, number in classes.items():
        rows = layout.rows_of(domain)
        far = [row for row in rows if row >= table]
        faults += [f"{domain}: needs row {far} of the {table} rows of {WORDS}"] if far else []
        if len(rows) != number:
            faults.append(f"{domain}: has {number} classes, but the layout lists {len(rows)} words")
    if faults:
        raise BadInput("the words do not fit:\n" + "\n".join(f"  {fault}" for fault in faults))
