"""``ppt-dist index``: indices by which other programs read packed domains."""

from typing import Annotated

import typer

from ppt_dist.cli import app
from ppt_dist.cli.shards import PackedFolder


@app.command()
def index(
    folder: PackedFolder,
    format_name: Annotated[
        str,
        typer.Option("--format", metavar="dali|energon", help="Of DALI's or Energon's reader."),
    ],
) -> None:
    """Write another program's index beside each tar: NAME.dali.idx, or NAME.tar.idx for Energon.

    Our own indices, which packing writes, are not touched.

    Example: ppt-dist index packed/scannet --format dali
    """
    from ppt_dist.shard.foreign import write_foreign
    from ppt_dist.shard.validate import packed_domains

    for domain in packed_domains(folder):
        written = write_foreign(domain, format_name)
        print(f"{domain}: {len(written)} indices of {format_name}")
