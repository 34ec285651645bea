"""``ppt-dist test``: what a run's one weight is worth by the official tester."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppt_dist.cli import app
from ppt_dist.cli.evaluate import choose_checkpoint
from ppt_dist.cli.progress import progress
from ppt_dist.cli.spreading import RayAddress, spreading

if TYPE_CHECKING:
    from ppt_dist.train.tested import Asked
    from ppt_dist.train.tester import Tested


@app.command("test")
def official_test(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    checkpoint: Annotated[
        str | None, typer.Option(help="Such as step-00001200; the newest good one if not given.")
    ] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option(help="Of the run; all of them if not given. Can be repeated."),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="indoor, nuscenes, semantickitti, none, or a file like those in configs/test; "
            "the domain's official one if not given."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Of the packed domains.")] = "val",
    most: Annotated[
        int, typer.Option(min=1, help="Voxels that the net sees at once; a larger scene is cut.")
    ] = 400_000,
    margin: Annotated[int, typer.Option(min=0, help="Cells that tiles overlap by.")] = 64,
    ray: RayAddress = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Test a run as the official tester does: every point voted on, in every pose.

    ppt-dist test runs/demo

    ppt-dist test runs/demo --domain scannet --protocol none --json

    ray job submit -- ppt-dist test /shared/runs/demo --split test

    Predictions and figures lie in RUN/test/, under a key of checkpoint, data and protocol; what
    is there is not done again.
    """
    from ppt_dist.train.folder import read_folder
    from ppt_dist.train.predict import Tiling
    from ppt_dist.train.protocol import find_protocol
    from ppt_dist.train.tested import write_figures
    from ppt_dist.train.tester import answer, ask

    run = run.resolve() if ray else run
    config = read_folder(run)
    chosen = choose_checkpoint(run, checkpoint)
    named = find_protocol(protocol) if protocol else None
    tiling = Tiling(most, margin)
    domains = list(dict.fromkeys(domain or config.domains))
    questions = [ask(run, chosen, one, split, named, tiling) for one in domains]
    with spreading(ray) as spread, progress() as bar:
        results = answer(run, questions, spread, bar(f"test {chosen.name}"))
    tables = {
        asked.domain: write_figures(asked.folder(run), asked, tested.evaluation.table())
        for asked, tested in zip(questions, results, strict=True)
    }
    for asked, tested in zip(questions, results, strict=True):
        typer.echo(_told(run, asked, tested), err=True)
    if as_json:
        facts = {"checkpoint": chosen.name, "digest": chosen.digest, "split": split}
        print(json.dumps(facts | {"domains": tables}))
        return
    _print(f"{run.name} at {chosen.name}, {split}", questions, results)


def _told(run: Path, asked: "Asked", tested: "Tested") -> str:
    scenes = len(tested.evaluation.scenes)
    new = f"{tested.fresh} of {scenes} scenes" if tested.fresh else f"all {scenes} scenes were"
    return f"{asked.domain}: {new} tested{'' if tested.fresh else ' before'}: {asked.folder(run)}"


def _print(title: str, questions: Sequence["Asked"], results: Sequence["Tested"]) -> None:
    from rich.console import Console
    from rich.table import Table

    names = ("domain", "protocol", "mIoU", "mIoU (present)", "mAcc", "allAcc", "scenes")
    table = Table(*names, title=title)
    for asked, tested in zip(questions, results, strict=True):
        scores = tested.evaluation.scores
        shown = (scores.miou, scores.miou_present, scores.macc, scores.allacc)
        cells = [f"{figure:.3f}" if scores.present else "no label" for figure in shown]
        table.add_row(asked.domain, asked.protocol, *cells, str(len(tested.evaluation.scenes)))
    Console().print(table)
