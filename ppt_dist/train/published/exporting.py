"""A run's weights as a file that the official classes load, and the configuration they need."""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ppt_dist.journal.durable import write_durably
from ppt_dist.section import BadInput
from ppt_dist.train.checkpoint import Checkpoint
from ppt_dist.train.folder import read_folder
from ppt_dist.train.published.aside import Aside, read_aside, type_of
from ppt_dist.train.published.convert import Tensors, adopt, publish
from ppt_dist.train.published.describe import describe
from ppt_dist.train.published.file import PREFIX, as_stored, same, write_official
from ppt_dist.train.published.fresh import fresh_layout
from ppt_dist.train.published.importing import norm_notes
from ppt_dist.train.published.layout import Layout
from ppt_dist.train.published.names import counters_of, in_official_order


class Exported(NamedTuple):
    """What was written."""

    file: Path
    config: Path
    tensors: int
    layout: Layout
    notes: list[str]


def export_weights(run: Path, checkpoint: Checkpoint, file: Path) -> Exported:
    """Write the weights of ``checkpoint`` to ``file``, and the configuration beside it.

    Weights that were imported keep their file's names, types and order, and what it held beyond
    ours.

    Raises:
        BadInput: the run's model has no official counterpart (says why), or the file's name is its
            configuration's.
    """
    beside = file.with_suffix(".json")
    if beside == file:
        raise BadInput(f"{file}: a name that ends in .json is its configuration's: take .pth")
    run_file, aside = read_folder(run), read_aside(run)
    ours = weights_of(checkpoint)
    _refuse_unlike(ours)
    if aside:
        layout, kept = aside[0].layout, aside[1]
    else:
        layout, kept = fresh_layout(run_file, ours), {}
    official = publish(ours, layout, kept)
    _refuse_unpublished(ours, official, layout)
    official = _ordered(official, kept, aside[0] if aside else None)
    config = describe(official, layout, run_file.loss)
    write_durably(beside, json.dumps(config, indent=1).encode() + b"\n")
    prefix = PREFIX if aside and aside[0].prefixed else ""
    write_official(file, {prefix + key: value for key, value in official.items()})
    notes = [*norm_notes(run_file), *(_word_notes(aside[0]) if aside else [])]
    return Exported(file, beside, len(official), layout, notes)


def weights_of(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """Parameters and buffers of a checkpoint, by the model's own names."""
    kinds = ("weight/", "buffer/")
    tensors = checkpoint.state.tensors
    return {k.split("/", 1)[1]: v for k, v in tensors.items() if k.startswith(kinds)}


def _ordered(official: Tensors, kept: Tensors, aside: Aside | None) -> dict[str, Tensor]:
    """In the order and the types of the imported file, or of the official classes."""
    if aside:
        every = {**kept, **official}
        return {key: as_stored(every[key], type_of(aside, key)) for key in aside.types}
    counters = {key: torch.tensor(0) for key in counters_of(official)}
    every = {**official, **counters}
    return {key: every[key] for key in in_official_order(every)}


def _refuse_unlike(ours: Tensors) -> None:
    """Refuse models that differ from the official one in more than sizes."""
    if "head.project.weight" in ours and "head.logit_scale" not in ours:
        raise BadInput("the head has no temperature, and PPT-v1m1 knows no other criterion")
    stem = ours.get("backbone.stem.weight")
    if stem is not None and stem.shape[1] != 5:
        raise BadInput(f"the stem has kernel {stem.shape[1]}, and that of SpUNet-v1m3 is 5")
    kinds: dict[frozenset[str], str] = {}
    for norm in (n.removesuffix(".running") for n in _norms(ours)):
        leaves = frozenset(n.removeprefix(norm) for n in ours if n.startswith(f"{norm}."))
        kinds.setdefault(leaves, norm)
    if len(kinds) > 1:
        raise BadInput(
            f"{' and '.join(kinds.values())} are norms of two kinds, and SpUNet-v1m3 has one: only "
            "an adapter that is everywhere has a counterpart"
        )


def _norms(ours: Tensors) -> list[str]:
    """Names of the norms' statistics."""
    found = (n.rsplit(".mean.", 1)[0] for n in ours if ".running.mean." in n)
    return list(dict.fromkeys(found))


def _refuse_unpublished(ours: Tensors, official: Tensors, layout: Layout) -> None:
    """Refuse where two domains write different values to one row of the class table."""
    back = adopt(official, ours, layout)
    differ = [name for name, value in ours.items() if not same(back[name], value)]
    if differ:
        raise BadInput(f"{', '.join(differ)}: other domains have other vectors for the same words")


def _word_notes(aside: Aside) -> list[str]:
    if aside.words == "keep":
        return []
    return ["words were repaired: the official code needs the valid_index of the configuration"]
