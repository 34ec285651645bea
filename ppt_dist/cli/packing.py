"""Where a packing goes, and what is printed of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ppt_dist.shard.pack import PackReport


def _folder(text: str | Path) -> Path:
    """A folder of this machine; typer hands a default in as it is."""
    from ppt_dist.shard.place import place_of

    place = place_of(str(text))
    if not isinstance(place, Path):
        raise typer.BadParameter(
            f"{place} is a URL, and shards are written into a folder: pack there, then copy it"
        )
    return place


OutFolder = Annotated[
    Path, typer.Option(help="Gets a folder for the domain.", parser=_folder, metavar="FOLDER")
]


def tell(report: "PackReport") -> int:
    """Print what was packed; the number of absent scenes comes back."""
    for note in report.notes:
        typer.echo(f"note: {note}", err=True)
    for name, reason in sorted(report.broken.items()):
        typer.echo(f"left out: {name}: {reason}", err=True)
    absent = 0
    for name, part in report.manifest.splits.items():
        absent += len(part.absent)
        more = ", ..." if len(part.absent) > 3 else ""
        named = f" ({', '.join(part.absent[:3])}{more})" if part.absent else ""
        print(
            f"{name}: {part.scenes} scenes, {part.points} points, {len(part.absent)} absent{named}"
        )
    if absent:
        print("the manifest names every absent scene")
    print(f"{report.folder}: {'all was done before' if report.unchanged else 'packed'}")
    return absent
