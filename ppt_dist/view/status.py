"""Where a run stands, from its folder alone."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ppt_dist.journal.journal import read_events
from ppt_dist.launch.start import result_of
from ppt_dist.section import BadInput
from ppt_dist.train.checkpoint import CHECKPOINTS, COMMIT
from ppt_dist.train.folder import RUN_FILE, read_folder

QUIET = 120.0
"""Seconds without an event after which a run that is not finished counts as stopped."""
RECENT = 50
"""Steps that the pace is taken from."""

_FAULTS = {"fault", "quarantine", "failed"}
"""Events of what went wrong."""

State = Literal["new", "running", "stopped", "finished"]


class Status(NamedTuple):
    """What is known of a run."""

    run: str
    folder: str
    state: State
    step: int
    """Updates taken."""
    steps: int
    attempt: int
    """Starts so far."""
    seconds_a_step: float | None
    """Mean of the last steps; None before the second."""
    eta_seconds: float | None
    """To the last step; None unless it runs."""
    quiet_seconds: float | None
    """Since the last event; None where there is none."""
    losses: dict[str, float]
    """Newest by domain."""
    faults: tuple[str, ...]
    """What went wrong and was handled, oldest first."""
    checkpoint: str | None
    """The newest."""
    miou: dict[str, float]
    """By domain, after the last step."""


def runs_below(folder: Path) -> Iterator[Path]:
    """Folders of runs in ``folder``, or itself if it is one; sorted by name."""
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder: give the folder of runs, or of one run")
    if (folder / RUN_FILE).is_file():
        yield folder
        return
    yield from (path.parent for path in sorted(folder.glob(f"*/{RUN_FILE}")))


def status(folder: Path) -> Status:
    """Where the run in ``folder`` stands.

    Raises:
        BadInput: it is not a run's folder, or its events cannot be read; names the file.
    """
    run = read_folder(folder)
    events: list[dict[str, Any]] = list(read_events(folder))
    steps = [e for e in events if e["event"] == "step" and e["writer"] == "rank-0"]
    quiet = max(0.0, time.time() - events[-1]["t"]) if events else None
    result = result_of(run.model_copy(update={"runs": folder.parent, "name": folder.name}))
    state = _state(events, quiet, finished=result is not None)
    done = steps[-1]["step"] + 1 if steps else 0
    pace = _pace(steps)
    saved = sorted(path.parent.name for path in folder.glob(f"{CHECKPOINTS}/*/{COMMIT}"))
    return Status(
        run=run.name,
        folder=str(folder),
        state=state,
        step=done,
        steps=run.steps,
        attempt=max((e["attempt"] for e in events if e["writer"] == "rank-0"), default=0),
        seconds_a_step=pace,
        eta_seconds=pace * (run.steps - done) if pace and state == "running" else None,
        quiet_seconds=quiet,
        losses={lot["domain"]: float(lot["loss"]) for e in steps for lot in e["lots"]},
        faults=tuple(_told(e) for e in events if e["event"] in _FAULTS),
        checkpoint=saved[-1] if saved else None,
        miou=_miou(result),
    )


def _state(events: Sequence[Mapping[str, Any]], quiet: float | None, *, finished: bool) -> State:
    if finished:
        return "finished"
    if quiet is None:
        return "new"
    told = [e["event"] for e in events if str(e["writer"]).startswith("rank-")]
    return "stopped" if told[-1:] in (["stopped"], ["failed"]) or quiet >= QUIET else "running"


def _told(event: Mapping[str, Any]) -> str:
    """What went wrong, in a line."""
    if event["event"] == "quarantine":
        return f"quarantined: {event['domain']}/{event['scene']}: {event['reason']}"
    return str(event["text"])


def _pace(steps: Sequence[Mapping[str, Any]]) -> float | None:
    """Seconds a step over the newest attempt's last steps, by its own clock."""
    newest = [e for e in steps if e["attempt"] == steps[-1]["attempt"]][-RECENT:]
    if len(newest) < 2:
        return None
    return (newest[-1]["mono"] - newest[0]["mono"]) / (len(newest) - 1)


def _miou(result: Path | None) -> dict[str, float]:
    if result is None:
        return {}
    try:
        domains = json.loads(result.read_text("utf-8"))["domains"]
        return {name: float(figures["miou"]) for name, figures in domains.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{result}: not an evaluation: {error}; run ppt-dist evaluate") from None
