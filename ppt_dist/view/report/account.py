"""`Account`: what a run's folder tells of it: its events, its newest evaluation, its looks."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ppt_dist.journal.journal import read_events
from ppt_dist.section import BadInput
from ppt_dist.train.checkpoint import step_of
from ppt_dist.train.evaluate import EVALUATION, FORMAT
from ppt_dist.train.folder import read_folder
from ppt_dist.train.look import SUFFIX, Look, read_look

EXTREMES = ("worst", "best")


class Series(NamedTuple):
    """Values at steps, in order."""

    step: list[int]
    value: list[float]


class Account(NamedTuple):
    """A run as the report tells it."""

    name: str
    checkpoint: str
    """That the evaluation is of."""
    steps: int
    facts: dict[str, str]
    """What one asks first, in words."""
    domains: dict[str, dict[str, Any]]
    """Figures, confusion and scores of scenes by domain, as evaluation wrote them."""
    looks: dict[str, dict[str, Look]]
    """By domain, then worst and best, or only."""
    loss: dict[str, Series]
    """By domain."""
    rate: Series
    pace: Series
    """Voxels a second, of all ranks."""
    seconds: dict[str, float]
    """By phase, on the first rank, over all attempts."""


def read_account(folder: Path) -> Account:
    """The account of the run in ``folder``.

    Raises:
        BadInput: it is not a run's folder, was never evaluated, or a file in it is damaged.
    """
    run = read_folder(folder)
    path = _newest_evaluation(folder)
    table = _read_evaluation(path, run.domains)
    events: list[dict[str, Any]] = [dict(e) for e in read_events(folder)]
    first = [e for e in events if e["writer"] == "rank-0"]
    steps = {e["step"]: e for e in first if e["event"] == "step"}
    spoken = [steps[step] for step in sorted(steps)]
    return Account(
        name=folder.resolve().name,
        checkpoint=path.stem,
        steps=run.steps,
        facts=_facts(run.engine.stage, run.engine.ranks, events, spoken, run.steps),
        domains=table["domains"],
        looks={name: _looks(path.with_suffix(""), name) for name in table["domains"]},
        loss=_losses(spoken),
        rate=Series([e["step"] for e in spoken], [float(e["rate"]) for e in spoken]),
        pace=Series([e["step"] for e in spoken], [_pace(e) for e in spoken]),
        seconds=_seconds(first),
    )


def _newest_evaluation(folder: Path) -> Path:
    found = sorted((folder / EVALUATION).glob("step-*.json"), key=lambda path: step_of(path.stem))
    if not found:
        raise BadInput(
            f"{folder} has no evaluation to report: train it to its end, or score a checkpoint "
            f"with: ppt-dist evaluate {folder}"
        )
    return found[-1]


def _read_evaluation(path: Path, domains: Iterable[str]) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text("utf-8"))
        if table["format"] == FORMAT:
            missing = [name for name in domains if not table["domains"].get(name)]
            if not missing:
                return table
            reason = f"nothing of {', '.join(missing)}"
        else:
            reason = f"format {table['format']}, this version reads {FORMAT}"
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__} {error}"
    run, checkpoint = path.parent.parent, path.stem
    raise BadInput(
        f"{path}: not an evaluation that can be reported ({reason}); score it again with: "
        f"ppt-dist evaluate {run} --checkpoint {checkpoint}"
    )


def _looks(folder: Path, domain: str) -> dict[str, Look]:
    """The worst and the best; the only one where there is one."""
    paths = {kind: folder / f"{domain}-{kind}{SUFFIX}" for kind in EXTREMES}
    looks = {kind: read_look(path) for kind, path in paths.items() if path.exists()}
    alone = len({look.scene for look in looks.values()}) == 1
    return {"only": looks["best"]} if alone and "best" in looks else looks


def _losses(steps: Iterable[Mapping[str, Any]]) -> dict[str, Series]:
    series: dict[str, Series] = defaultdict(lambda: Series([], []))
    for event in steps:
        for lot in event["lots"]:
            series[lot["domain"]].step.append(event["step"])
            series[lot["domain"]].value.append(float(lot["loss"]))
    return dict(sorted(series.items()))


def _pace(event: Mapping[str, Any]) -> float:
    voxels = sum(lot["voxels"] for lot in event["lots"])
    return voxels / max(sum(event["seconds"].values()), 1e-9)


def _seconds(events: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Of steps by what they waited for, and of what stands beside them."""
    total: Counter[str] = Counter()
    for event in events:
        if event["event"] == "step":
            total.update(event["seconds"])
        elif event["event"] == "phase" and event["name"] != "training":
            total.update({event["name"]: event["seconds"]})
    return dict(total)


def _facts(
    stage: object,
    ranks: int,
    events: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    planned: int,
) -> dict[str, str]:
    voxels = sum(lot["voxels"] for e in steps for lot in e["lots"])
    seconds = sum(sum(e["seconds"].values()) for e in steps)
    starts = max((e["attempt"] for e in events if e["writer"] == "rank-0"), default=0)
    return {
        "steps": f"{steps[-1]['step'] + 1 if steps else 0} of {planned}",
        "engine": f"{'plain' if stage == 'plain' else f'ZeRO {stage}'}, {ranks} ranks",
        "time in steps": f"{seconds / 60:.1f} min",
        "voxels/s": f"{voxels / max(seconds, 1e-9):,.0f}",
        "starts": str(starts),
        "faults handled": str(sum(e["event"] == "fault" for e in events)),
        "scenes in quarantine": str(
            len({(e["domain"], e["scene"]) for e in events if e["event"] == "quarantine"})
        ),
    }
