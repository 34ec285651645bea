"""``ppt-dist evaluate``: what a run's one weight is worth on every domain."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppt_dist.cli import app
from ppt_dist.cli.progress import progress
from ppt_dist.cli.spreading import RayAddress, spreading

if TYPE_CHECKING:
    from ppt_dist.run import RunConfig
    from ppt_dist.train.checkpoint import Checkpoint
    from ppt_dist.train.evaluate import Evaluation


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    checkpoint: Annotated[
        str | None, typer.Option(help="Such as step-00001200; the newest good one if not given.")
    ] = None,
    forest: Annotated[
        bool, typer.Option("--forest", help="Also fit and score the per-point forest.")
    ] = False,
    ray: RayAddress = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Score a run on the validation split of each of its domains.

    ppt-dist evaluate runs/demo

    ppt-dist evaluate runs/demo --checkpoint step-00001200 --json

    ray job submit -- ppt-dist evaluate /shared/runs/demo

    The result is also written to RUN/evaluation/CHECKPOINT.json.
    """
    from ppt_dist.train.evaluate import write_evaluation
    from ppt_dist.train.folder import read_folder

    run = run.resolve() if ray else run
    config = read_folder(run)
    chosen = choose_checkpoint(run, checkpoint)
    results = _score_model(run, config, chosen, ray)
    table = write_evaluation(run, chosen.name, chosen.digest, results)
    baseline = _score_forest(config) if forest else {}
    if as_json:
        more = {"forest": {k: v.figures() for k, v in baseline.items()}} if forest else {}
        typer.echo(json.dumps(table | more))
        return
    _print(f"{run.name} at {chosen.name}", results)
    if forest:
        _print("forest of single points", baseline)


def choose_checkpoint(run: Path, name: str | None) -> "Checkpoint":
    """The named checkpoint, or the newest that is whole; one that is passed over is named."""
    from ppt_dist.section import BadInput
    from ppt_dist.train.checkpoint import CheckpointStore

    store = CheckpointStore(run, keep=1, on_fault=lambda text: typer.echo(text, err=True))
    found = store.load(name) if name else store.newest()
    if found is None:
        raise BadInput(f"{run} has no checkpoint that can be read: train it first, or name another")
    return found


def _score_model(
    run: Path, config: "RunConfig", chosen: "Checkpoint", ray: str | None
) -> dict[str, "Evaluation"]:
    from ppt_dist.train.evaluate import write_looks
    from ppt_dist.train.score import score_parts

    with spreading(ray, cpus=config.engine.threads) as spread, progress() as bar:
        results = score_parts(run, chosen.name, spread, bar(f"evaluate {chosen.name}"))
    write_looks(run, chosen.name, results)
    return results


def _score_forest(config: "RunConfig") -> dict[str, "Evaluation"]:
    from ppt_dist.train.forest import CHANNELS, forest_baseline
    from ppt_dist.train.scenes import open_scenes

    train, val = (open_scenes(config, split, CHANNELS) for split in ("train", "val"))
    jobs = config.engine.ranks * config.engine.threads
    return forest_baseline(train, val, jobs)


def _print(title: str, domains: Mapping[str, "Evaluation"]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("domain", "mIoU", "mIoU (present)", "mAcc", "allAcc", "points/s", title=title)
    for name, found in domains.items():
        scores = found.scores
        shown = (scores.miou, scores.miou_present, scores.macc, scores.allacc)
        cells = [f"{figure:.3f}" for figure in shown]
        table.add_row(name, *cells, f"{found.pace()['points_per_s']:,.0f}")
    Console().print(table)
