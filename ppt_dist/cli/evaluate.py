"""``ppt-dist evaluate``: what a run's one weight is worth on every domain."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ppt_dist.cli import app

if TYPE_CHECKING:
    from ppt_dist.run import RunConfig
    from ppt_dist.train.checkpoint import Checkpoint

OnScene = Callable[[str], object]


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    checkpoint: Annotated[
        str | None, typer.Option(help="Such as step-00001200; the newest good one if not given.")
    ] = None,
    forest: Annotated[
        bool, typer.Option("--forest", help="Also fit and score the per-point forest.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Score a run on the validation split of each of its domains, in one process.

    ppt-dist evaluate runs/demo

    ppt-dist evaluate runs/demo --checkpoint step-00001200 --json

    The result is also written to RUN/evaluation/CHECKPOINT.json.
    """
    from ppt_dist.train.folder import read_folder

    config = read_folder(run)
    chosen = _choose(run, checkpoint)
    table = _score_model(run, config, chosen)
    if forest:
        table["forest"] = _score_forest(config)
    if as_json:
        typer.echo(json.dumps(table))
        return
    _print(f"{run.name} at {chosen.name}", table["domains"])
    if forest:
        _print("forest of single points", table["forest"])


def _choose(run: Path, name: str | None) -> "Checkpoint":
    """The named checkpoint, or the newest that is whole; one that is passed over is named."""
    from ppt_dist.section import BadInput
    from ppt_dist.train.checkpoint import CheckpointStore

    store = CheckpointStore(run, keep=1, on_fault=lambda text: typer.echo(text, err=True))
    found = store.load(name) if name else store.newest()
    if found is None:
        raise BadInput(f"{run} has no checkpoint that can be read: train it first, or name another")
    return found


def _score_model(run: Path, config: "RunConfig", chosen: "Checkpoint") -> dict[str, Any]:
    import torch

    from ppt_dist.stream.rank import Rank
    from ppt_dist.train import evaluate as evaluation
    from ppt_dist.train.restore import alone, check_data, restore_model
    from ppt_dist.train.scenes import open_scenes

    check_data(config, chosen)
    scenes = open_scenes(config, "val", config.model.channels)
    model = restore_model(config, chosen)
    counts = {domain: part.count for domain, part in scenes.items()}
    with torch.inference_mode(), _Progress(counts) as advance:
        results = evaluation.evaluate(model, scenes, Rank(0, 1), alone, advance)
    evaluation.write_looks(run, chosen.name, results)
    return evaluation.write_evaluation(run, chosen.name, chosen.digest, results)


def _score_forest(config: "RunConfig") -> dict[str, Any]:
    from ppt_dist.train.forest import CHANNELS, forest_baseline
    from ppt_dist.train.scenes import open_scenes

    train, val = (open_scenes(config, split, CHANNELS) for split in ("train", "val"))
    jobs = config.engine.ranks * config.engine.threads
    return {name: result.figures() for name, result in forest_baseline(train, val, jobs).items()}


class _Progress:
    """A bar on standard error, where that is a terminal."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self._bar = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._tasks = {name: self._bar.add_task(name, total=n) for name, n in counts.items()}

    def __enter__(self) -> OnScene:
        self._bar.start()
        return lambda domain: self._bar.advance(self._tasks[domain])

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()


def _print(title: str, domains: Mapping[str, Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = ("miou", "miou_present", "macc", "allacc")
    table = Table("domain", "mIoU", "mIoU (present)", "mAcc", "allAcc", "points/s", title=title)
    for name, figures in domains.items():
        cells = [f"{figures[key]:.3f}" for key in shown]
        table.add_row(name, *cells, f"{figures['points_per_s']:,.0f}")
    Console().print(table)
