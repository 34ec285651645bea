"""``ppt-dist raw make``: procedural scans in the real formats."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from ppt_dist.cli import app

raw = typer.Typer(help="Raw scans: make procedural ones.", no_args_is_help=True)
app.add_typer(raw, name="raw")


@raw.command()
def make(
    out: Annotated[Path, typer.Option(help="Gets a folder for each domain.")],
    scenes: Annotated[int, typer.Option(min=2, help="Scans of each domain.")] = 30,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    domain: Annotated[list[str] | None, typer.Option(help="Only these; all by default.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Write procedural indoor scans as ScanNet v2, S3DIS v1.2 and Structured3D.

    Two thirds have ids of the official train split, the rest of the validation split.

    Example: ppt-dist raw make --out raw --scenes 30 --seed 1 --workers 2
    """
    from ppt_dist.synth.make import DOMAINS, make_raw

    domains = tuple(domain or DOMAINS)
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("raw scans", total=scenes * len(domains))
        folders = make_raw(out, scenes, seed, domains, workers, lambda _: bar.advance(task))
    for name, folder in folders.items():
        print(f"{name}: {scenes} scans in {folder}")
