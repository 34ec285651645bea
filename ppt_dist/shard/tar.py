"""The door to webdataset: deterministic USTAR tars. Reading goes without it: see ``member``."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ppt_dist.shard.checksum import crc32

os.environ.setdefault("WDS_SECURE", "1")

from webdataset.writer import TarWriter

from ppt_dist.section import BadInput
from ppt_dist.shard.member import BLOCK

LONGEST_KEY = 80
"""Characters; a longer name would need a PAX header."""


class Span(NamedTuple):
    """Where a record lies in its tar, headers and padding included."""

    key: str
    offset: int
    size: int


def check_key(key: str) -> None:
    """Refuse a key that webdataset would split, or that a plain USTAR header cannot hold."""
    plain = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    if not plain or len(key) > LONGEST_KEY:
        raise BadInput(
            f"scene name {key!r} cannot be a key in a tar: use letters, digits, '_' and '-', "
            f"at most {LONGEST_KEY}"
        )


def write_tar(path: Path, records: Iterable[tuple[str, Mapping[str, bytes]]]) -> list[Span]:
    """Write the records in their order; the same records give the same bytes."""
    spans, offset = [], 0
    with path.open("wb") as file:
        writer = TarWriter(
            file, user="", group="", mode=0o644, mtime=0, encoder=False, compress=False
        )
        for key, members in records:
            check_key(key)
            writer.write({"__key__": key, **members})
            size = sum(BLOCK + -(-len(content) // BLOCK) * BLOCK for content in members.values())
            spans.append(Span(key, offset, size))
            offset += size
        writer.close()
        file.flush()
        os.fsync(file.fileno())
    return spans


def crc32_of(path: Path, spans: Iterable[Span]) -> list[int]:
    """crc32 of each span."""
    with path.open("rb") as file:
        return [crc32(os.pread(file.fileno(), span.size, span.offset)) for span in spans]
