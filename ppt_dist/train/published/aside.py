"""`Aside`: what an imported file says beyond our weights, kept so that an export gives it back."""

import hashlib
import json
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ppt_dist.journal.durable import write_durably
from ppt_dist.section import BadInput, Section, parse
from ppt_dist.train.published.convert import Tensors
from ppt_dist.train.published.file import OfficialFile, as_stored, same
from ppt_dist.train.published.layout import Layout
from ppt_dist.train.published.names import WORDS
from ppt_dist.train.published.words import Words

OFFICIAL = "official"
"""Folder below a run's folder with what imported weights hold beyond its checkpoints."""

_FACTS, _REST = "import.json", "rest.safetensors"


class Aside(Section):
    """Facts of an imported file."""

    format: Literal[1] = 1
    file: str
    """Its name."""
    sha256: str
    layout: Layout
    words: Words
    prefixed: bool
    """Whether its names start with ``module.``."""
    types: dict[str, str]
    """Type of each tensor, by name in the file's order."""
    rest: str
    """sha256 of the tensors that have no place in our model."""


def keep_aside(
    run: Path, file: OfficialFile, published: Tensors, layout: Layout, words: Words
) -> None:
    """Write what ``published``, our weights under official names, does not say of ``file``.

    The class table is always written: the run's words are read from there.
    """
    rest = {
        key: value.contiguous()
        for key, value in file.tensors.items()
        if key == WORDS
        or key not in published
        or not same(as_stored(published[key], value.dtype), value)
    }
    content = save(rest)
    facts = Aside(
        file=file.path.name,
        sha256=file.sha256,
        layout=layout,
        words=words,
        prefixed=file.prefixed,
        types={key: _name(value.dtype) for key, value in file.tensors.items()},
        rest=hashlib.sha256(content).hexdigest(),
    )
    write_durably(run / OFFICIAL / _REST, content)
    text = json.dumps(facts.model_dump(mode="json"), indent=1)
    write_durably(run / OFFICIAL / _FACTS, text.encode() + b"\n")


def read_aside(run: Path) -> tuple[Aside, dict[str, Tensor]] | None:
    """Facts and remaining tensors of the run's imported file; None where nothing was imported.

    Raises:
        BadInput: they are damaged.
    """
    path = run / OFFICIAL / _FACTS
    if not path.exists():
        return None
    try:
        facts = parse(Aside, json.loads(path.read_text("utf-8")), path)
        content = (run / OFFICIAL / _REST).read_bytes()
        tensors = load(content)
    except (OSError, ValueError, SafetensorError) as error:
        raise BadInput(f"{path.parent}: damaged: {error}") from None
    if hashlib.sha256(content).hexdigest() != facts.rest:
        raise BadInput(f"{path.parent / _REST}: damaged: not the tensors that were written")
    return facts, tensors


def imported_words(run: Path) -> dict[str, Tensor]:
    """Word vectors of each domain, in label order, as imported; empty where none were."""
    aside = read_aside(run)
    if aside is None or WORDS not in aside[1]:
        return {}
    layout, table = aside[0].layout, aside[1][WORDS].float()
    return {domain: table[list(layout.rows_of(domain))] for domain in layout.domains.values()}


def type_of(facts: Aside, key: str) -> torch.dtype:
    """The type that the imported file had for ``key``."""
    return getattr(torch, facts.types[key])


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
