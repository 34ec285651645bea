"""``ppt-dist predict``: a run's model on scans of one's own."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ppt_dist.cli import app
from ppt_dist.cli.progress import progress
from ppt_dist.cli.spreading import RayAddress, spreading


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    scans: Annotated[
        list[Path], typer.Argument(help=".ply or .npy files, raw scans, or folders of files.")
    ],
    domain: Annotated[str, typer.Option(help="Whose prompt and classes are used.")],
    recipe: Annotated[
        str | None,
        typer.Option(help="The domain's recipe, where it is not one of those that are shipped."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Gets three files for each scan.")] = Path("predicted"),
    checkpoint: Annotated[
        str | None, typer.Option(help="Such as step-00001200; the newest good one if not given.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Voxels that the net sees at once.")] = 200_000,
    margin: Annotated[int, typer.Option(min=0, help="Cells that tiles overlap by.")] = 64,
    ray: RayAddress = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")] = False,
) -> None:
    """Label every point of scans; each becomes NAME.npy, NAME.ply and NAME.png.

    ppt-dist predict demo/runs/demo my-room.ply --domain scannet

    ppt-dist predict demo/runs/demo raw/s3dis/Area_5/office_1 --domain s3dis --out labelled

    ray job submit -- ppt-dist predict /shared/run /shared/scans --domain scannet --out /shared/out

    NAME.npy holds the labels in the order of the scan's points, NAME.ply the points in the
    classes' colours, NAME.png the scan from above. Large scans are cut into overlapping tiles.
    """
    from ppt_dist.shard.recipe import find_recipe
    from ppt_dist.shard.scan import find_scans
    from ppt_dist.train.folder import read_folder
    from ppt_dist.train.predict import Tiling
    from ppt_dist.view.prediction import Request, open_run, predict_scan, refuse_clashes

    if ray:
        run, out, scans = run.resolve(), out.resolve(), [path.resolve() for path in scans]
    chosen = open_run(run, checkpoint, domain)
    found, folder = find_recipe(recipe or domain)
    listed = [scan for path in scans for scan in find_scans(path, found, folder)]
    refuse_clashes(listed, out)
    requests = [Request(run, chosen, domain, Tiling(most, margin), scan, out) for scan in listed]
    table: dict[str, dict[str, Any]] = {}
    threads = read_folder(run).engine.threads
    with spreading(ray, cpus=threads) as spread, progress() as bar:
        one = len(requests) == 1 and not ray
        work = partial(predict_scan, on_tile=bar(listed[0].name)) if one else predict_scan
        advance = bar("scans")
        for request, counts in spread(work, requests):
            table[request.scan.name] = counts
            advance(len(table), len(requests))
    if as_json:
        print(json.dumps(table, indent=1))
        return
    for name, counts in table.items():
        shares = sorted(counts["points_by_class"].items(), key=lambda item: -item[1])[:3]
        most_common = ", ".join(f"{word} {n / counts['points']:.0%}" for word, n in shares)
        print(f"{out / name}.ply: {counts['points']:,} points: {most_common}")
