"""Which layout a file of weights has: said by a configuration, by the user, or as released."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from ppt_dist.section import BadInput, parse
from ppt_dist.train.published.config import read_config
from ppt_dist.train.published.convert import Tensors
from ppt_dist.train.published.layout import (
    KnownLayout,
    Layout,
    fold,
    known_layouts,
    match_domains,
)
from ppt_dist.train.published.names import PROMPTS, WORDS

Names = tuple[str, ...]


class UnknownLayout(BadInput):
    """The weights do not have the sizes of a known layout, and nothing else was said."""


class Said(NamedTuple):
    """What the user said of the layout."""

    config: Path | None = None
    """The official configuration, JSON."""
    conditions: Names | None = None
    """Of prompts and heads, in the official model's order."""
    norm_conditions: Names | None = None
    """Of norms, in order."""
    without: Names = ()
    """Conditions that the run leaves out."""


def choose_layout(official: Tensors, said: Said, domains: Iterable[str]) -> tuple[Layout, str]:
    """The layout of ``official`` for a run over ``domains``, and where it is from.

    Raises:
        UnknownLayout: nothing says it.
        BadInput: its conditions are not the run's domains.
    """
    known, origin = _known(official, said)
    _refuse_half(said, known)
    conditions = _spelt(said.conditions, known) or known.conditions
    norm = _spelt(said.norm_conditions, known) or _norm_order(official, known, conditions)
    table = {
        "conditions": conditions,
        "norm_conditions": norm,
        "domains": _domains(conditions, tuple(domains), said.without),
    }
    if WORDS in official:
        table |= {"rows": _rows(known, conditions), "class_name": known.class_name}
        table |= {"table": _length(official[WORDS])}
    return parse(Layout, table, origin), origin


def _known(official: Tensors, said: Said) -> tuple[KnownLayout, str]:
    if said.config is not None:
        return read_config(said.config).known(), str(said.config)
    for known in known_layouts():
        if _fits(official, known, _spelt(said.conditions, known) or known.conditions):
            return known, "released configurations"
    if said.conditions is None:
        raise UnknownLayout(
            f"{_sizes(official)} are of no released layout: name the conditions with --conditions "
            "A,B,C --norm-conditions B,C,A, or give the official configuration with --config"
        )
    if WORDS in official:
        raise UnknownLayout(
            f"{_sizes(official)} are of no released layout, so nothing says which words are a "
            "condition's: give the official configuration with --config"
        )
    bare = KnownLayout(
        conditions=said.conditions, norm_conditions=(), class_name=(), valid_index={}
    )
    return bare, "--conditions"


def _fits(official: Tensors, known: KnownLayout, conditions: Names) -> bool:
    """Whether sizes and names are a known layout's."""
    prompts = official.get(PROMPTS)
    if prompts is None or _length(prompts) != len(conditions):
        return False
    if any(c not in known.valid_index for c in conditions):
        return False
    if WORDS in official:
        return _length(official[WORDS]) == len(known.class_name)
    heads = (official.get(f"seg_heads.{k}.weight") for k in range(len(conditions)))
    sizes = [0 if head is None else _length(head) for head in heads]
    return sizes == [len(known.valid_index[c]) for c in conditions]


def _length(tensor: Tensor) -> int:
    return tensor.shape[0] if tensor.ndim else 0


def _sizes(official: Tensors) -> str:
    shapes = {k: list(official[k].shape) for k in (PROMPTS, WORDS) if k in official}
    shapes |= {k: list(v.shape) for k, v in official.items() if k.startswith("seg_heads")}
    return ", ".join(f"{k} {v}" for k, v in shapes.items()) or "weights without prompts"


def _spelt(names: Names | None, known: KnownLayout) -> Names | None:
    """The names as the layout spells them, where it knows them."""
    if names is None:
        return None
    spelling = {fold(c): c for c in known.conditions}
    return tuple(spelling.get(fold(name), name) for name in names)


def _norm_order(official: Tensors, known: KnownLayout, conditions: Names) -> Names:
    if conditions == known.conditions and set(known.norm_conditions) == set(conditions):
        return known.norm_conditions
    if not any(".bns." in key for key in official):
        return conditions
    raise BadInput(
        f"the norms of {', '.join(conditions)} are decoupled, and their order need not be that of "
        "the prompts: name it with --norm-conditions, or give the configuration with --config"
    )


def _refuse_half(said: Said, known: KnownLayout) -> None:
    """Refuse one order beside a guess of the other, and one that contradicts the configuration."""
    given = {"--conditions": said.conditions, "--norm-conditions": said.norm_conditions}
    if said.config is not None:
        told = (known.conditions, known.norm_conditions)
        for (option, names), order in zip(given.items(), told, strict=True):
            if names is not None and _spelt(names, known) != order:
                raise BadInput(
                    f"{option} is {', '.join(names)}, but {said.config} says {', '.join(order)}: "
                    "give one of them"
                )
    elif said.norm_conditions is not None and said.conditions is None:
        raise BadInput(
            "--norm-conditions is given without --conditions: name both orders, of norms and of "
            "prompts, or give the configuration with --config"
        )


def _rows(known: KnownLayout, conditions: Names) -> dict[str, tuple[int, ...]]:
    absent = [c for c in conditions if c not in known.valid_index]
    if absent:
        raise BadInput(
            f"no list of words for {', '.join(absent)}, only for {', '.join(known.valid_index)}: "
            "give the official configuration with --config"
        )
    return {c: known.valid_index[c] for c in conditions}


def _domains(conditions: Names, domains: Names, without: Names) -> dict[str, str]:
    left_out = {fold(name) for name in without}
    found = match_domains(tuple(c for c in conditions if fold(c) not in left_out), domains)
    strange = [domain for domain in domains if domain not in found.values()]
    spare = [c for c in conditions if c not in found and fold(c) not in left_out]
    if strange:
        raise BadInput(
            f"the weights know no {', '.join(strange)}; their conditions are "
            f"{', '.join(conditions)}: give the run's domains these names, or leave them out"
        )
    if spare:
        options = " ".join(f"--without {c}" for c in spare)
        raise BadInput(
            f"the run has no domain for {', '.join(spare)}: add it, or leave it out with "
            f"{options} (its weights then stay beside the run)"
        )
    return found
