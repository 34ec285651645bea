"""``ppt-dist train`` and ``ppt-dist demo``: runs from their file to their result."""

from pathlib import Path
from typing import Annotated

import typer

from ppt_dist.cli import app
from ppt_dist.cli.ended import ended_well

RunFile = Annotated[Path, typer.Argument(metavar="RUN.toml", help="The run.")]


@app.command()
def train(
    run_file: RunFile,
    local: Annotated[
        bool, typer.Option("--local", help="One process, one rank, without Ray.")
    ] = False,
    ranks: Annotated[int | None, typer.Option(min=1, help="In place of engine.ranks.")] = None,
    stage: Annotated[
        str | None, typer.Option(help="In place of engine.stage: plain, 0, 1, 2 or 3.")
    ] = None,
    cluster: Annotated[
        str, typer.Option(help="A name in cluster/, or a file: limits, and the private cluster.")
    ] = "local",
) -> None:
    """Train a run, or continue it: from its newest checkpoint to its last step.

    ppt-dist train configs/demo.toml --local

    ppt-dist train configs/demo.toml --ranks 2 --stage 1

    ray job submit --address http://127.0.0.1:8265 -- ppt-dist train /abs/demo.toml

    With RAY_ADDRESS, as in a job, it trains there; else it starts a private cluster that ends
    with it. Ctrl-C ends it after its step, with a checkpoint and exit code 130; the same command
    continues.
    """
    from ppt_dist.launch.spec import find_spec

    with ended_well():
        from ppt_dist.launch.job import INTERRUPTED
        from ppt_dist.launch.start import Override, start

        how = Override(1 if local else ranks, stage)
        code = start(run_file, how, find_spec(cluster), local=local)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
    raise typer.Exit(code)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Everything is written in here.")] = Path("demo"),
    scenes: Annotated[int, typer.Option(min=2, help="Raw scenes of each domain.")] = 30,
    seed: Annotated[int, typer.Option(min=0, help="Of the raw scenes.")] = 0,
    run_file: Annotated[
        Path | None, typer.Option("--run", help="In place of the demo's own run file.")
    ] = None,
) -> None:
    """From nothing to one jointly trained model: raw scenes, shards, Ray, training, evaluation.

    ppt-dist demo

    ppt-dist demo --out /tmp/demo --scenes 12 --seed 7

    Run again, it continues, or says that all is done.
    """
    with ended_well():
        from ppt_dist.launch.demo import run_demo

        run_demo(out, scenes, seed, run_file)
