"""``ppt-dist plan``: what a run will see, before it is started."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ppt_dist.cli import app

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ppt_dist.run import RunConfig
    from ppt_dist.shard.records import Records
    from ppt_dist.stream.plan import Plan


@app.command()
def plan(
    run_file: Annotated[Path, typer.Argument(metavar="RUN.toml", help="The run.")],
    step: Annotated[int, typer.Option(min=0, help="The update whose scenes are shown.")] = 0,
    ranks: Annotated[
        str | None, typer.Option(help="In place of engine.ranks; --explain takes several, 1,8,64.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what the order comes to over the whole run.")
    ] = False,
    pace: Annotated[
        float | None, typer.Option(min=0, help="Steps a second, for the bytes a second.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")] = False,
) -> None:
    """Share and epochs of each domain in a run, and the scenes of a step by rank.

    It reads indices, no scene, and trains nothing. Costs are voxels at the recipe's cost_grid.

    With --explain: what weights are rounded to; the part of the ranks' time that is work, where
    time is cost; how random the order is; the most voxels of a rank; the bytes that are read.

    ppt-dist plan configs/demo.toml

    ppt-dist plan configs/demo.toml --step 120 --ranks 4 --json

    ppt-dist plan configs/demo.toml --explain --ranks 1,2 --pace 0.5
    """
    from ppt_dist.cli.plan_tables import print_explained, print_plan
    from ppt_dist.run import load_run
    from ppt_dist.section import BadInput

    run = load_run(run_file)
    counts = _counts(ranks, run)
    if ranks and "," in ranks and not explain:
        raise BadInput(f"--ranks {ranks}: several are for --explain; a step is shown for one")
    if pace is not None and not pace:
        raise BadInput("--pace 0: give the steps a second, above 0")
    records = _records(run)
    order = _order(_with_ranks(run, counts), records)
    table = _table(run, order, records, step, counts)
    if explain:
        table["explain"] = _explained(run, order, records, counts, pace)
    if as_json:
        print(json.dumps(table, indent=1))
        return
    print_plan(table)
    if explain:
        print_explained(table)


def _counts(ranks: str | None, run: "RunConfig") -> tuple[int, ...]:
    """Numbers of ranks that micro-lots are large enough for; what others lack is told."""
    from ppt_dist.launch.start import Override
    from ppt_dist.run import check_lots
    from ppt_dist.section import BadInput

    words = [str(run.engine.ranks)] if ranks is None else ranks.split(",")
    if not all(word.strip().isdecimal() and int(word) for word in words):
        raise BadInput(f"--ranks {ranks}: give a number of ranks, or several such as 1,8,64")
    counts = tuple(int(word) for word in words)
    refused: list[BadInput] = []
    fitting = []
    for count in counts:
        try:
            check_lots(Override(ranks=count).apply(run))
            fitting.append(count)
        except BadInput as error:
            refused.append(error)
    if not fitting:
        raise refused[0]
    for error in refused:
        typer.echo(f"left out: {error}", err=True)
    return tuple(fitting)


def _table(
    run: "RunConfig",
    order: "Plan",
    records: "Mapping[str, Records]",
    step: int,
    counts: tuple[int, ...],
) -> dict[str, Any]:
    from ppt_dist.section import BadInput
    from ppt_dist.stream.explain import Scope
    from ppt_dist.stream.outline import outline, step_outline
    from ppt_dist.train.sources import bulk_of

    if step >= run.steps:
        raise BadInput(f"--step {step}: {run.name} has steps 0 to {run.steps - 1}")
    rows = outline(Scope(order, run.steps, counts), bulk_of(records))
    names = {name: part.names for name, part in records.items()}
    return {
        "run": run.name,
        "goes_on_at": _goes_on_at(run),
        "order": run.order,
        "seed": run.seed,
        "steps": run.steps,
        "ranks": counts[0],
        "lots": run.lots.model_dump(),
        "domains": {
            name: {"weight": run.domains[name].weight, **row, "cost": int(records[name].cost.sum())}
            for name, row in rows.items()
        },
        "step": {"index": step, "lots": step_outline(order, step, counts[0], names)},
    }


def _goes_on_at(run: "RunConfig") -> int | None:
    """The step from which a start would go on; None where the run has no checkpoint."""
    from ppt_dist.train.checkpoint import newest_step

    return newest_step(run.folder) or None


def _explained(
    run: "RunConfig",
    order: "Plan",
    records: "Mapping[str, Records]",
    counts: tuple[int, ...],
    pace: float | None,
) -> dict[str, Any]:
    from ppt_dist.cli.progress import progress
    from ppt_dist.stream import explain
    from ppt_dist.stream.asked import full_eras
    from ppt_dist.train.sources import asked_of, bulk_of, sizes_of

    asked = asked_of(run, {name: part.manifest for name, part in records.items()})
    scope = explain.Scope(order, run.steps, counts)
    with progress() as bar:
        efficiency = explain.efficiency(scope, bar(f"plan {run.name}"))
    return {
        "asked": explain.rounding(full_eras(asked, run.lots, run.eras), asked, run.lots.unit),
        "eras": explain.stretches(order),
        "sample": {"steps": len(scope.sample), "of": run.steps},
        "efficiency": efficiency,
        "voxels": explain.voxels(scope, sizes_of(run, order, records)),
        "shuffle": explain.shuffle(order),
        "bytes": explain.demand(scope, bulk_of(records), _lots_ahead(run), pace),
        "pace": pace,
    }


def _records(run: "RunConfig") -> "dict[str, Records]":
    from ppt_dist.shard.records import Records
    from ppt_dist.train.sources import TRAIN

    access = run.engine.access
    return {name: Records.open(use.shards, TRAIN, access) for name, use in run.domains.items()}


def _order(run: "RunConfig", records: "Mapping[str, Records]") -> "Plan":
    """The plan; where the run has begun, as its next start would have it."""
    from ppt_dist.train.folder import RUN_FILE, as_continued
    from ppt_dist.train.sources import plan_of

    if not (run.folder / RUN_FILE).is_file():
        return plan_of(run, records)
    begun, ledger = as_continued(run)
    return plan_of(begun, records, ledger.eras(), ledger.skipped())


def _lots_ahead(run: "RunConfig") -> int:
    """Most lots that fetchers may have in the making, however small they are."""
    from ppt_dist.stream.fetch import MOST_AHEAD

    return max(1, MOST_AHEAD // run.lots.micro)


def _with_ranks(run: "RunConfig", counts: tuple[int, ...]) -> "RunConfig":
    """The run on that many ranks; where several were given it keeps its own."""
    from ppt_dist.launch.start import Override

    return Override(ranks=counts[0]).apply(run) if len(counts) == 1 else run
