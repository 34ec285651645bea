"""``ppt-dist runs`` and ``status``: where runs stand."""

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppt_dist.cli import app

if TYPE_CHECKING:
    from ppt_dist.view.status import Status

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")]


@app.command()
def runs(
    folder: Annotated[Path, typer.Argument(help="Folder of runs.")] = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """List runs with state, step, time left and mIoU, from their events.

    ppt-dist runs demo/runs
    """
    from rich.console import Console
    from rich.table import Table

    from ppt_dist.view.status import runs_below, status

    found = [status(path) for path in runs_below(folder)]
    if as_json:
        print(json.dumps([one._asdict() for one in found], indent=1))
        return
    table = Table("run", "state", "step", "s/step", "left", "mIoU")
    for one in found:
        pace = "" if one.seconds_a_step is None else f"{one.seconds_a_step:.2f}"
        miou = "  ".join(f"{name} {value:.3f}" for name, value in one.miou.items())
        table.add_row(one.run, one.state, f"{one.step}/{one.steps}", pace, _left(one), miou)
    Console().print(table if found else f"{folder}: no runs")


@app.command()
def status(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")], as_json: AsJson = False
) -> None:
    """Say where a run stands: step, pace, newest losses, checkpoint, faults, result.

    ppt-dist status demo/runs/demo --json
    """
    from ppt_dist.view.status import status as status_of

    found = status_of(run)
    if as_json:
        print(json.dumps(found._asdict(), indent=1))
        return
    lines = {
        "state": found.state,
        "step": f"{found.step} of {found.steps}",
        "starts": str(found.attempt),
        "pace": "" if found.seconds_a_step is None else f"{found.seconds_a_step:.2f} s a step",
        "left": _left(found),
        "last event": "" if found.quiet_seconds is None else f"{_span(found.quiet_seconds)} ago",
        "losses": "  ".join(f"{name} {value:.3f}" for name, value in found.losses.items()),
        "checkpoint": found.checkpoint or "",
        "mIoU": "  ".join(f"{name} {value:.3f}" for name, value in found.miou.items()),
    }
    print(f"{found.run}: {found.folder}")
    for name, value in lines.items():
        if value:
            print(f"  {name:<11}{value}")
    for fault in found.faults:
        print(f"  fault      {fault}")


def _left(one: "Status") -> str:
    return "" if one.eta_seconds is None else _span(one.eta_seconds)


def _span(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
