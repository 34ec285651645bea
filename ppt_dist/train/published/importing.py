"""Official weights into checkpoint ``step-00000000`` of a run, from which all commands go on."""

import math
from pathlib import Path
from typing import NamedTuple

import torch

from ppt_dist.model.head.head import DomainLabels
from ppt_dist.model.ppt import PPT, build_model
from ppt_dist.run import RunConfig
from ppt_dist.section import BadInput
from ppt_dist.shard.manifest import Manifest, read_manifest
from ppt_dist.stream.rank import Rank
from ppt_dist.train.checkpoint import CheckpointStore, name_of
from ppt_dist.train.engine import build_engine
from ppt_dist.train.folder import claim
from ppt_dist.train.published.aside import keep_aside, read_aside
from ppt_dist.train.published.choose import Said, UnknownLayout, choose_layout
from ppt_dist.train.published.compare import refuse_misfits
from ppt_dist.train.published.convert import adopt, publish
from ppt_dist.train.published.file import OfficialFile, read_official
from ppt_dist.train.published.fresh import fresh_layout
from ppt_dist.train.published.layout import Layout
from ppt_dist.train.published.names import WORDS
from ppt_dist.train.published.words import Words, permuted_words, repaired
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.restore import alone
from ppt_dist.train.saver import facts_of
from ppt_dist.train.sources import criterion_of, parts_of

OFFICIAL_EPS, OFFICIAL_MOMENTUM = 1e-3, 0.01
"""Of every norm of SpUNet-v1m3; no file of weights says them."""

Manifests = dict[str, Manifest]


class Imported(NamedTuple):
    """What became of a file."""

    checkpoint: Path
    layout: Layout
    notes: list[str]
    """What the user should know."""
    unchanged: bool
    """Whether it had been imported before."""


def import_weights(path: Path, run: RunConfig, said: Said, words: Words) -> Imported:
    """Fill checkpoint ``step-00000000`` of ``run`` with the weights in ``path``, and fresh moments.

    Raises:
        BadInput: the file cannot be read, its layout is unknown, its tensors are not the model's
            (all of them are named), or the run's folder has other checkpoints; nothing has been
            written then.
    """
    file = read_official(path)
    _refuse_not_finite(file)
    manifests = {name: read_manifest(use.shards) for name, use in run.domains.items()}
    try:
        model = build_model(parts_of(run), _with_words(file, manifests), alone, run.seed)
        layout, origin = _layout(file, said, run, model)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    layout, notes = _settle_words(layout, manifests, words)
    notes = [_layout_note(layout, origin), *norm_notes(run), *notes]
    notes += _scale_notes(model, file)
    checkpoint = run.folder / "checkpoints" / name_of(0)
    if _was_done(file, run, layout):
        return Imported(checkpoint, layout, notes, unchanged=True)
    claim(run)
    model.load_state_dict(adopt(file.tensors, model.state_dict(), layout))
    keep_aside(run.folder, file, publish(model.state_dict(), layout, {}), layout, words)
    _write_checkpoint(run, model, manifests)
    return Imported(checkpoint, layout, notes, unchanged=False)


def _layout(file: OfficialFile, said: Said, run: RunConfig, model: PPT) -> tuple[Layout, str]:
    """The layout that fits the file and the run's ``model``, and where it is from."""
    ours, name = model.state_dict(), f"the model of run {run.name}"
    try:
        layout, origin = choose_layout(file.tensors, said, run.domains)
    except UnknownLayout:  # because of its tensors, perhaps, and those say more
        guess = fresh_layout(run, ours)
        if guess.table and WORDS in file.tensors:
            guess = guess.model_copy(update={"table": file.tensors[WORDS].shape[:1].numel()})
        refuse_misfits(file.tensors, ours, guess, name)
        raise
    refuse_misfits(file.tensors, ours, layout, name)
    return layout, origin


def _refuse_not_finite(file: OfficialFile) -> None:
    bad = [k for k, v in file.tensors.items() if v.is_floating_point() and not v.isfinite().all()]
    if bad:
        raise BadInput(f"{file.path}: not finite everywhere: {', '.join(bad)}")


def _with_words(file: OfficialFile, manifests: Manifests) -> dict[str, DomainLabels]:
    """The run's classes with vectors as wide as the file's, which will replace them.

    A file without words fits no head that wants them, and is refused by its tensors.
    """
    table = file.tensors.get(WORDS)
    width = table.shape[1] if table is not None and table.ndim == 2 else 1
    return {
        name: DomainLabels(m.labels, torch.ones(len(m.labels), width))
        for name, m in manifests.items()
    }


def _write_checkpoint(run: RunConfig, model: PPT, manifests: Manifests) -> None:
    plain = run.engine.model_copy(update={"stage": "plain"})
    engine = build_engine(
        model,
        model.prompts,
        criterion_of(run, manifests),
        optim=run.optim,
        engine=plain,
        ranks=Ranks(Rank(0, 1)),
    )
    store = CheckpointStore(run.folder, run.checkpoint.keep)
    store.save(0, engine.state(), facts_of(run, manifests, attempt=0))


def _was_done(file: OfficialFile, run: RunConfig, layout: Layout) -> bool:
    """Whether the run continues from this very file; `BadInput` where it has other checkpoints."""
    before = read_aside(run.folder)
    names = CheckpointStore(run.folder, run.checkpoint.keep).names()
    if not names:
        return False
    if before and (before[0].sha256, before[0].layout) == (file.sha256, layout):
        return True
    raise BadInput(
        f"{run.folder} has checkpoints up to {names[-1]} that are not from {file.path} with these "
        "options: import into a run of another name"
    )


def _settle_words(layout: Layout, manifests: Manifests, words: Words) -> tuple[Layout, list[str]]:
    """The layout with each class at the word that was chosen for it, and what to say about it."""
    permuted = permuted_words(layout, {name: m.labels for name, m in manifests.items()})
    if words == "repair":
        notes = [f"{p.condition}: {p.examples} get their own word" for p in permuted]
        return repaired(layout, permuted), notes or ["every class has its own word already"]
    return layout, [
        f"{p.condition}: {p.examples} were trained against another class's word, a known fault of "
        "released configurations; these words are kept, which is right for evaluating and "
        "fine-tuning these weights (--s3dis-words repair gives each class its own)"
        for p in permuted
    ]


def _layout_note(layout: Layout, origin: str) -> str:
    orders = (", ".join(layout.conditions), ", ".join(layout.norm_conditions))
    return f"prompts and heads are of {orders[0]}; norms of {orders[1]} (by {origin})"


def norm_notes(run: RunConfig) -> list[str]:
    """What of the run's norms no file of weights says, where it is not the official one."""
    ours = {"eps": run.model.adapter.eps, "momentum": run.model.adapter.momentum}
    theirs = {"eps": OFFICIAL_EPS, "momentum": OFFICIAL_MOMENTUM}
    return [
        f"model.adapter.{key} is {ours[key]:g}, the official one is {theirs[key]:g}"
        for key in ours
        if ours[key] != theirs[key]
    ]


def _scale_notes(model: PPT, file: OfficialFile) -> list[str]:
    """A temperature that is not the run file's; that of the weights counts."""
    own, given = model.state_dict().get("head.logit_scale"), file.tensors.get("logit_scale")
    if own is None or given is None or math.isclose(own, given, rel_tol=1e-3):
        return []
    temperatures = (math.exp(-float(given)), math.exp(-float(own)))
    return [
        "the temperature is {:.4g}, of the weights, and not the run file's {:.4g}".format(
            *temperatures
        )
    ]
