"""``ppt-dist report``: runs as one page."""

from pathlib import Path
from typing import Annotated

import typer

from ppt_dist.cli import app


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs.")],
    out: Annotated[
        Path | None,
        typer.Option(help="The page; RUN/report.html for one run, report.html here for several."),
    ] = None,
) -> None:
    """Write one page about runs: quality, losses, time, classes, scenes to look at and to turn.

    ppt-dist report demo/runs/demo

    ppt-dist report runs/joint runs/scannet-only --out comparison.html

    The page holds all that it needs and loads nothing. It tells the newest evaluation of each run.
    """
    from ppt_dist.view.report import write_report

    target = out or (runs[0] / "report.html" if len(runs) == 1 else Path("report.html"))
    write_report(runs, target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
