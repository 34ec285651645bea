"""Indices by which other programs find the records of a tar, written beside ours.

DALI (``tools/wds2idx.py`` and ``webdataset_loader.cc`` of NVIDIA/DALI): text, ``v1.2`` and the
number of records, then a line for each with suffix, offset, size and name of each member; the
offset is that of the content. Energon (``itar.py`` and ``prepare.py`` of NVIDIA/Megatron-Energon):
the offset of each record's first header, then the end of the last record, as u64.
"""

import struct
import tarfile
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ppt_dist.journal.durable import write_durably
from ppt_dist.section import BadInput, nearest
from ppt_dist.shard.index import parse_index
from ppt_dist.shard.manifest import Shard, read_manifest


class Member(NamedTuple):
    """A file in a tar."""

    name: str
    header: int
    """Offset of its header."""
    offset: int
    """Of its content."""
    size: int

    @property
    def key(self) -> str:
        """What the members of a record share."""
        return self.name.partition(".")[0]


Records = list[tuple[Member, ...]]


class Format(NamedTuple):
    """An index of another program."""

    suffix: str
    """In place of ``.tar``; it ends as ours does, so that packing again removes it with the tar."""
    write: Callable[[Records, int], bytes]
    """From the members of each record, and where the last record ends."""


def dali(records: Records, _end: int) -> bytes:
    """DALI's text."""
    lines = [f"v1.2 {len(records)}"]
    for members in records:
        parts = [f"{m.name.partition('.')[2]} {m.offset} {m.size} {m.name}" for m in members]
        lines.append(" ".join(parts))
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def energon(records: Records, end: int) -> bytes:
    """Energon's offsets."""
    starts = [members[0].header for members in records]
    return struct.pack(f"<{len(starts) + 1}Q", *starts, end)


FORMATS = {"dali": Format(".dali.idx", dali), "energon": Format(".tar.idx", energon)}


def write_foreign(folder: Path, format_name: str) -> list[Path]:
    """Write the index of each tar of a packed domain; where they lie comes back.

    Raises:
        BadInput: no such format, or a tar that is not as its own index says.
    """
    if format_name not in FORMATS:
        raise BadInput(f"no format {format_name!r}: {nearest(format_name, [*FORMATS])}")
    chosen, written = FORMATS[format_name], []
    for split in read_manifest(folder).splits.values():
        for shard in split.shards:
            records, end = _records(folder / shard.name, shard)
            path = folder / f"{shard.name.removesuffix('.tar')}{chosen.suffix}"
            write_durably(path, chosen.write(records, end))
            written.append(path)
    return written


def _records(tar: Path, shard: Shard) -> tuple[Records, int]:
    """The members of each record, and where the last one ends."""
    try:
        entries = parse_index(tar.with_suffix(".idx").read_bytes(), shard.size)
        with tarfile.open(tar, "r:") as file:
            members = [Member(i.name, i.offset, i.offset_data, i.size) for i in file if i.isreg()]
    except (BadInput, FileNotFoundError, tarfile.TarError) as error:
        raise BadInput(f"{tar}: {error}: look with ppt-dist validate {tar.parent}") from None
    records = [tuple(group) for _, group in groupby(members, lambda member: member.key)]
    told = [(entry.key, entry.offset) for entry in entries]
    if told != [(members[0].key, members[0].header) for members in records]:
        raise BadInput(f"{tar} is not as its index says: look with ppt-dist validate {tar.parent}")
    return records, entries[-1].offset + entries[-1].span if entries else 0
