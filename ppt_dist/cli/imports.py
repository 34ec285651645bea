"""``ppt-dist import``: data that others preprocessed, to shards."""

from pathlib import Path
from typing import Annotated

import typer

from ppt_dist.cli import app
from ppt_dist.cli.packing import OutFolder, tell
from ppt_dist.cli.progress import progress
from ppt_dist.cli.spreading import RayAddress, spreading

imports = typer.Typer(help="Shards from what others preprocessed.", no_args_is_help=True)
app.add_typer(imports, name="import")


@imports.command()
def pointcept(
    folder: Annotated[Path, typer.Argument(help="What its preprocessing wrote.")],
    recipe: Annotated[
        str, typer.Option(help="Domain that it was made of: a shipped one's name, or a path.")
    ],
    out: OutFolder = Path("shards"),
    workers: Annotated[
        int, typer.Option(min=1, help="Processes, where --ray is not given; no byte depends on it.")
    ] = 1,
    ray: RayAddress = None,
    split: Annotated[list[str] | None, typer.Option(help="Only these splits.")] = None,
    codec: Annotated[
        list[str] | None,
        typer.Option(help="plain, compact (training split), or of one split: val=compact."),
    ] = None,
    ignore: Annotated[
        list[int] | None, typer.Option(help="An id in segment files that stands for no class.")
    ] = None,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Leave broken scenes out; exit code 1.")
    ] = False,
    complete: Annotated[
        bool, typer.Option("--complete", help="Exit code 1 where scenes of a split are absent.")
    ] = False,
) -> None:
    """Turn a folder that Pointcept preprocessed into indexed tars with a manifest.

    Run again, it continues, or says that all is done. Classes are those of the recipe, in its
    order; a folder with others is refused.

    ppt-dist import pointcept data/scannet --recipe scannet --out packed --workers 2

    ppt-dist import pointcept data/s3dis --recipe s3dis --out packed --split val
    """
    from ppt_dist.shard.foldered import foldered
    from ppt_dist.shard.pack import PackOptions, codecs_of, pack
    from ppt_dist.shard.readers.pointcept import as_pointcept
    from ppt_dist.shard.recipe import find_recipe

    found, beside = find_recipe(recipe)
    found = as_pointcept(found, tuple(ignore or ()))
    folder, out = (folder.resolve(), out.resolve()) if ray else (folder, out)
    with spreading(ray, workers) as spread, progress() as bar:
        splits = tuple(split) if split else None
        codecs = codecs_of(tuple(codec or ()))
        options = PackOptions(spread, splits, skip_broken, codecs, foldered)
        report = pack(found, beside, folder, out, options, bar(f"import {found.name}"))
    absent = tell(report)
    if report.broken or (complete and absent):
        raise typer.Exit(1)
