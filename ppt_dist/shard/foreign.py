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
from ppt_dist.shard.exclusions import kept
from ppt_dist.shard.index import parse_index
from ppt_dist.shard.manifest import Shard, Split, read_manifest
from ppt_dist.shard.member import BLOCK


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

    @property
    def end(self) -> int:
        """Where the next header may stand."""
        return self.offset + -(-self.size // BLOCK) * BLOCK


Records = list[tuple[Member, ...]]


class Format(NamedTuple):
    """An index of another program."""

    suffix: str
    """In place of ``.tar``; it ends as ours does, so that packing again removes it with the tar."""
    write: Callable[[Records], bytes]
    """From the members of each record."""


def dali(records: Records) -> bytes:
    """DALI's text."""
    lines = [f"v1.2 {len(records)}"]
    for members in records:
        parts = [f"{m.name.partition('.')[2]} {m.offset} {m.size} {m.name}" for m in members]
        lines.append(" ".join(parts))
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def energon(records: Records) -> bytes:
    """Energon's offsets; `BadInput` where records between them are left out."""
    starts = [members[0].header for members in records]
    ends = [members[-1].end for members in records]
    if starts != [0, *ends[:-1]][: len(starts)]:
        raise BadInput("Energon's index cannot leave out records, as the manifest does")
    return struct.pack(f"<{len(starts) + 1}Q", *starts, *ends[-1:] or [0])


FORMATS = {"dali": Format(".dali.idx", dali), "energon": Format(".tar.idx", energon)}


def write_foreign(folder: Path, format_name: str) -> list[Path]:
    """Write the index of each tar of a packed domain; where they lie comes back.

    Records that the manifest excludes are left out.

    Raises:
        BadInput: no such format, a tar that is not as its own index says, or records are excluded
            and the format cannot leave them out.
    """
    if format_name not in FORMATS:
        raise BadInput(f"no format {format_name!r}: {nearest(format_name, [*FORMATS])}")
    chosen, written = FORMATS[format_name], []
    for split in read_manifest(folder).splits.values():
        for shard in split.shards:
            tar = folder / shard.name
            path = tar.with_name(f"{tar.stem}{chosen.suffix}")
            try:
                content = chosen.write(_records(tar, shard, split))
            except (BadInput, FileNotFoundError, tarfile.TarError) as error:
                advice = f"look with ppt-dist validate {folder}"
                raise BadInput(f"{tar}: {error}: {advice}") from None
            write_durably(path, content)
            written.append(path)
    return written


def _records(tar: Path, shard: Shard, split: Split) -> Records:
    """The members of each record that is a scene of the split."""
    entries = parse_index(tar.with_suffix(".idx").read_bytes(), shard.size)
    with tarfile.open(tar, "r:") as file:
        members = [Member(i.name, i.offset, i.offset_data, i.size) for i in file if i.isreg()]
    records = [tuple(group) for _, group in groupby(members, lambda member: member.key)]
    told = [(entry.key, entry.offset) for entry in entries]
    if told != [(members[0].key, members[0].header) for members in records]:
        raise BadInput("is not as its index says")
    scenes = {entry.key for entry in kept(entries, shard.name, split)}
    return [members for members in records if members[0].key in scenes]
