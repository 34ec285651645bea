"""The door to webdataset: deterministic USTAR tars, and their members without trusting them."""

import io
import os
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("WDS_SECURE", "1")

from webdataset.writer import TarWriter  # noqa: E402 - it reads the variable above

from ppt_dist.section import BadInput  # noqa: E402

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
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for info in tar:
                name, _, suffix = info.name.partition(".")
                if name != key or not info.isreg() or suffix in members:
                    raise BadInput(f"unexpected member {info.name!r} in the record of {key}")
                part = content[info.offset_data : info.offset_data + info.size]
                if len(part) != info.size:
                    raise BadInput(f"member {info.name!r} is cut off")
                members[suffix] = part
    except tarfile.TarError as error:
        raise BadInput(f"not a tar: {error}") from None
    return members
