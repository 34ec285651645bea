"""``ppt-dist plan``: what a run will see, before it is started."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ppt_dist.cli import app


@app.command()
def plan(
    run_file: Annotated[Path, typer.Argument(metavar="RUN.toml", help="The run.")],
    step: Annotated[int, typer.Option(min=0, help="The update whose scenes are shown.")] = 0,
    ranks: Annotated[int | None, typer.Option(min=1, help="In place of engine.ranks.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")] = False,
) -> None:
    """Share and epochs of each domain in a run, and the scenes of a step by rank.

    It reads indices, no scene, and trains nothing. Costs are voxels at the recipe's cost_grid.

    ppt-dist plan configs/demo.toml

    ppt-dist plan configs/demo.toml --step 120 --ranks 4 --json
    """
    table = _table(run_file, step, ranks)
    if as_json:
        print(json.dumps(table, indent=1))
        return
    _print(table)


def _table(run_file: Path, step: int, ranks: int | None) -> dict[str, Any]:
    from ppt_dist.launch.start import Override
    from ppt_dist.run import check_lots, load_run
    from ppt_dist.section import BadInput
    from ppt_dist.shard.records import Records
    from ppt_dist.stream.outline import outline, step_outline
    from ppt_dist.stream.plan import Plan
    from ppt_dist.train.sources import TRAIN, shape_of

    run = Override(ranks=ranks).apply(load_run(run_file))
    check_lots(run)
    if step >= run.steps:
        raise BadInput(f"--step {step}: {run.name} has steps 0 to {run.steps - 1}")
    access = run.engine.access
    records = {n: Records.open(use.shards, TRAIN, access) for n, use in run.domains.items()}
    costs = {name: part.cost for name, part in records.items()}
    weights = {name: use.weight for name, use in run.domains.items()}
    order = Plan(costs, weights, shape_of(run), run.seed)
    names = {name: part.names for name, part in records.items()}
    return {
        "run": run.name,
        "order": run.order,
        "seed": run.seed,
        "steps": run.steps,
        "ranks": run.engine.ranks,
        "lots": run.lots.model_dump(),
        "domains": outline(order, run.steps),
        "step": {"index": step, "lots": step_outline(order, step, run.engine.ranks, names)},
    }


def _print(table: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"{table['run']}: {table['steps']} steps, seed {table['seed']}"
    shares = Table("domain", "weight", "share", "lots", "scenes", "epochs", title=title)
    for name, row in table["domains"].items():
        cells = (row["weight"], f"{row['share']:.1%}", row["lots"], row["scenes"])
        shares.add_row(name, *map(str, cells), f"{row['epochs']:.2f}")
    Console().print(shares)
    index = table["step"]["index"]
    scenes = Table("lot", "domain", "micro", "rank", "cost", "scenes", title=f"step {index}")
    for lot in table["step"]["lots"]:
        for m, micro in enumerate(lot["micro"]):
            for part in micro:
                ids = ", ".join(f"{s['id']} (epoch {s['epoch']})" for s in part["scenes"])
                ids += "".join(f"; mixed: {' + '.join(pair)}" for pair in part["mixed"])
                cells = (lot["lot"], lot["domain"], m, part["rank"], f"{part['cost']:,}")
                scenes.add_row(*map(str, cells), ids or "none")
    Console().print(scenes)
