"""The door to webdataset: deterministic USTAR tars, and their members without trusting them."""

import os
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("WDS_SECURE", "1")

from webdataset.writer import TarWriter

from ppt_dist.section import BadInput

BLOCK = 512
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
        return [zlib.crc32(os.pread(file.fileno(), span.size, span.offset)) for span in spans]


def members_of(content: bytes, key: str) -> dict[str, bytes]:
    """Members of the record in ``content``, by suffix.

    Raises:
        BadInput: it is not a tar, or holds something else than regular members of ``key``.
    """
    members: dict[str, bytes] = {}
    place = 0
    while place < len(content):
        name, size = _header(content[place : place + BLOCK])
        stem, _, suffix = name.partition(".")
        if stem != key or suffix in members:
            raise BadInput(f"unexpected member {name!r} in the record of {key}")
        part = content[place + BLOCK : place + BLOCK + size]
        if len(part) != size:
            raise BadInput(f"member {name!r} is cut off")
        members[suffix] = part
        place += BLOCK + -(-size // BLOCK) * BLOCK
    return members


def _header(block: bytes) -> tuple[str, int]:
    """Name and size of a regular member."""
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, ValueError, OverflowError) as error:
        raise BadInput(f"not a tar header: {error}") from None
    if info.type != tarfile.REGTYPE or info.size < 0:
        raise BadInput(f"member {info.name!r} is not a plain file")
    return info.name, info.size
