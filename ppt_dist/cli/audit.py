"""``ppt-dist audit``: whether a run read what it was to read."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppt_dist.cli import app
from ppt_dist.cli.progress import progress

if TYPE_CHECKING:
    from ppt_dist.view.audit import Audit


@app.command()
def audit(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")] = False,
) -> None:
    """Prove from a run's events that each scene came exactly once an epoch; exit code 1 if not.

    Events hold, for every rank and step, fingerprints of name and checksum of the records whose
    bytes reached the model. They are held against the plan, which follows from the run file, the
    packed data and the ledger. Scenes in quarantine are told apart: others stood in for them.

    ppt-dist audit runs/demo

    ppt-dist audit runs/demo --json
    """
    from ppt_dist.view.audit import audit_run

    with progress() as bar:
        found = audit_run(run, bar(f"audit {run.name}"))
    if as_json:
        print(json.dumps(_table(found), indent=1))
    else:
        _print(found)
    if not found.clean:
        raise typer.Exit(1)


def _table(found: "Audit") -> dict[str, object]:
    return {
        "clean": found.clean,
        "steps": found.steps,
        "reads": found.reads,
        "gaps": list(found.gaps),
        "findings": [finding._asdict() for finding in found.findings],
        "coverage": [part._asdict() for part in found.coverage],
    }


def _print(found: "Audit") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "domain", "epoch", "scenes", "once", "stood in", "more than once", "never", "whole"
    )
    for part in found.coverage:
        cells = (
            part.epoch,
            part.scenes,
            part.once,
            part.stood_in,
            len(part.repeated),
            len(part.missed),
        )
        table.add_row(part.domain, *map(str, cells), "yes" if part.complete else "not yet")
    Console().print(table)
    for finding in found.findings:
        ranks = ", ".join(map(str, finding.ranks))
        print(
            f"step {finding.step}, lot {finding.lot}, {finding.domain}: "
            f"rank {ranks} read {', '.join(finding.read) or 'nothing'} "
            f"in place of {', '.join(finding.missing) or 'nothing'}"
        )
    for step in found.gaps:
        print(f"step {step}: no event tells of it")
    verdict = "each scene once an epoch" if found.clean else "not what was planned"
    print(f"{found.steps} steps, {found.reads} reads: {verdict}")
