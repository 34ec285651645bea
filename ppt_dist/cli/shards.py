"""``ppt-dist pack``, ``validate`` and ``info``: raw scans to shards, and what the shards are."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ppt_dist.cli import app
from ppt_dist.cli.packing import OutFolder, tell
from ppt_dist.cli.progress import progress
from ppt_dist.cli.spreading import RayAddress, spreading

if TYPE_CHECKING:
    from ppt_dist.shard.look import Depth


@app.command()
def pack(
    recipe: Annotated[str, typer.Argument(help="A shipped domain's name, or a recipe's path.")],
    raw: Annotated[Path, typer.Option(help="Raw scans, or a folder with one of the domain.")],
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
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Leave broken scans out; exit code 1.")
    ] = False,
    complete: Annotated[
        bool, typer.Option("--complete", help="Exit code 1 where scans of a split are absent.")
    ] = False,
) -> None:
    """Pack a domain's raw scans into indexed tars with a manifest.

    Run again, it continues, or says that all is done.

    ppt-dist pack scannet --raw raw --out packed --workers 2

    ppt-dist pack scannet --raw raw --out packed --codec compact

    ray job submit -- ppt-dist pack structured3d --raw /data/structured3d --out /data/packed
    """
    from ppt_dist.shard.pack import PackOptions, codecs_of, pack
    from ppt_dist.shard.recipe import find_recipe

    found, folder = find_recipe(recipe)
    raw, out = (raw.resolve(), out.resolve()) if ray else (raw, out)
    with spreading(ray, workers) as spread, progress() as bar:
        splits = tuple(split) if split else None
        options = PackOptions(spread, splits, skip_broken, codecs_of(tuple(codec or ())))
        report = pack(found, folder, raw, out, options, bar(f"pack {found.name}"))
    absent = tell(report)
    if report.broken or (complete and absent):
        raise typer.Exit(1)


def _folder(text: str) -> Path:
    """A folder of this machine."""
    from ppt_dist.shard.place import place_of

    place = place_of(text)
    if not isinstance(place, Path):
        raise typer.BadParameter(
            f"{place} is a URL, and every byte is to be read: copy it into a folder, or look at "
            "the folder that it was copied from"
        )
    return place


PackedFolder = Annotated[
    Path,
    typer.Argument(
        help="A packed domain, or a folder of several.", parser=_folder, metavar="FOLDER"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")]


@app.command()
def validate(
    folder: PackedFolder,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    ray: RayAddress = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also look for what makes a whole scene unfit, or twin.")
    ] = False,
    raw: Annotated[Path | None, typer.Option(help="Also read these raw scans and compare.")] = None,
    write_exclusions: Annotated[
        bool,
        typer.Option("--write-exclusions", help="Leave scenes with faults out of the manifest."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare every byte with its hash and every record with the manifest; exit code 1 on a fault.

    ppt-dist validate packed/scannet

    ppt-dist validate packed/scannet --full --write-exclusions

    ppt-dist validate packed/scannet --full --raw raw

    ppt-dist validate packed --ray auto
    """
    from ppt_dist.shard.exclude import exclude
    from ppt_dist.shard.exclusions import EXCLUSIONS
    from ppt_dist.shard.look import FULL, QUICK
    from ppt_dist.shard.validate import packed_domains
    from ppt_dist.shard.validate import validate as faults_of

    faults, remain = {}, []
    with spreading(ray, workers) as spread, progress() as bar:
        for domain in packed_domains(folder.resolve() if ray else folder):
            depth = _against(raw, domain, FULL if full else QUICK)
            found = faults_of(domain, bar(f"validate {domain.name}"), spread, depth)
            faults[str(domain)] = [fault._asdict() for fault in found]
            if write_exclusions:
                found = exclude(domain, found, bar(f"count {domain.name}"), spread)
            remain += found
    if as_json:
        print(json.dumps(faults, indent=1))
    else:
        _print_faults(faults)
    if write_exclusions:
        typer.echo(f"{len(remain)} faults remain; the others are in {EXCLUSIONS}", err=True)
    if remain:
        raise typer.Exit(1)


def _against(raw: Path | None, domain: Path, depth: "Depth") -> "Depth":
    """The same depth, and a comparison with raw scans where they are given."""
    from ppt_dist.shard.against import as_raw
    from ppt_dist.shard.manifest import read_manifest
    from ppt_dist.shard.recipe import find_recipe

    if raw is None:
        return depth
    manifest = read_manifest(domain)
    law = as_raw(manifest, *find_recipe(manifest.domain), raw.absolute())
    return depth._replace(laws=(*depth.laws, law))


def _print_faults(faults: dict[str, list[dict[str, str]]]) -> None:
    for domain, found in faults.items():
        for fault in found:
            print(f"{domain}/{fault['shard']} {fault['key']}: {fault['reason']}")
        print(f"{domain}: {len(found)} faults" if found else f"{domain}: whole")


@app.command()
def info(
    place: Annotated[
        str, typer.Argument(help="A packed domain or a folder of several, or a domain's URL.")
    ],
    as_json: AsJson = False,
) -> None:
    """Scenes, points, and points by class of packed domains.

    ppt-dist info packed --json

    ppt-dist info s3://bucket/packed/scannet
    """
    from ppt_dist.shard.info import summary
    from ppt_dist.shard.place import Url, place_of
    from ppt_dist.shard.validate import packed_domains

    where = place_of(place)
    found = [where] if isinstance(where, Url) else packed_domains(where)
    domains = [summary(domain) for domain in found]
    if as_json:
        print(json.dumps({domain["domain"]: domain for domain in domains}, indent=1))
        return
    for domain in domains:
        table = Table("class", *domain["splits"], title=f"{domain['domain']}: {domain['title']}")
        for row in ("scenes", "points", "absent", "excluded", "bytes", "unlabelled"):
            table.add_row(row, *(f"{part[row]:,}" for part in domain["splits"].values()))
        table.add_section()
        for name in next(iter(domain["splits"].values()))["points_by_class"]:
            counts = (part["points_by_class"][name] for part in domain["splits"].values())
            table.add_row(name, *(f"{count:,}" for count in counts))
        Console().print(table)
