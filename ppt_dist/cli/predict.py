"""``ppt-dist predict``: a run's model on scans of one's own."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ppt_dist.cli import app


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    scans: Annotated[
        list[Path], typer.Argument(help=".ply or .npy files, raw scans, or folders of files.")
    ],
    domain: Annotated[str, typer.Option(help="Whose prompt and classes are used.")],
    out: Annotated[Path, typer.Option(help="Gets three files for each scan.")] = Path("predicted"),
    checkpoint: Annotated[
        str | None, typer.Option(help="Such as step-00001200; the newest good one if not given.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Voxels that the net sees at once.")] = 200_000,
    margin: Annotated[int, typer.Option(min=0, help="Cells that tiles overlap by.")] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")] = False,
) -> None:
    """Label every point of scans; each becomes NAME.npy, NAME.ply and NAME.png.

    ppt-dist predict demo/runs/demo my-room.ply --domain scannet

    ppt-dist predict demo/runs/demo raw/s3dis/Area_5/office_1 --domain s3dis --out labelled

    NAME.npy holds the labels in the order of the scan's points, NAME.ply the points in the
    classes' colours, NAME.png the scan from above. Large scans are cut into overlapping tiles.
    """
    from rich.console import Console
    from rich.progress import Progress

    from ppt_dist.shard.recipe import find_recipe
    from ppt_dist.shard.scan import read_scans
    from ppt_dist.view.prediction import open_predictor, write_prediction

    predictor = open_predictor(run, checkpoint, domain, (most, margin))
    recipe, folder = find_recipe(domain)
    table: dict[str, dict[str, Any]] = {}
    with Progress(console=Console(stderr=True)) as bar:
        for path in scans:
            for scene in read_scans(path, recipe, folder):
                task = bar.add_task(scene.name, total=None)
                label = predictor(scene, lambda n, of, t=task: bar.update(t, completed=n, total=of))
                table |= write_prediction(out, scene, label, predictor.labels, taken=table)
    if as_json:
        print(json.dumps(table, indent=1))
        return
    for name, found in table.items():
        shares = sorted(found["points_by_class"].items(), key=lambda item: -item[1])[:3]
        most_common = ", ".join(f"{word} {n / found['points']:.0%}" for word, n in shares)
        print(f"{out / name}.ply: {found['points']:,} points: {most_common}")
