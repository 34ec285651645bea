"""The binary index beside a tar: where each record lies, how large it is and what it costs.

Header of 48 bytes: magic ``PPTDIDX`` and a zero byte, format (u32), records (u32), bytes of the
tar (u64), bytes of all keys (u64), 16 zero bytes. Then 40 bytes a record: offset (u64), span (u64),
points (u32), cost (u32), crc32 of the span (u32), end of its key among the keys (u32), 8 zero
bytes.
Then the keys in ASCII, end to end. All numbers are little-endian.
"""

import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ppt_dist.section import BadInput
from ppt_dist.shard.checksum import crc32
from ppt_dist.shard.member import Content

MAGIC = b"PPTDIDX\0"
FORMAT = 1
_HEADER = struct.Struct("<8sIIQQ16x")
_ENTRY = np.dtype(
    {
        "names": ["offset", "span", "points", "cost", "crc32", "key_end"],
        "formats": ["<u8", "<u8", "<u4", "<u4", "<u4", "<u4"],
        "itemsize": 40,
    }
)


class IndexEntry(NamedTuple):
    """One record of a tar."""

    key: str
    offset: int
    """Bytes from the tar's start to the record's first header."""
    span: int
    """Bytes of the record, headers and padding included."""
    points: int
    cost: int
    """Occupied voxels at the manifest's ``cost_grid``; at least 1."""
    crc32: int
    """Of the span."""

    def holds(self, content: Content) -> bool:
        """Whether ``content`` is the span as it was written."""
        return len(content) == self.span and crc32(content) == self.crc32

    def check(self, content: Content) -> None:
        """`BadInput` unless ``content`` is the span as it was written."""
        if not self.holds(content):
            raise BadInput(self.fault(content))

    def fault(self, content: Content) -> str:
        """What is wrong with ``content`` where `holds` says no."""
        if len(content) != self.span:
            return f"{len(content)} bytes instead of {self.span}: the tar is cut off"
        return "its bytes are not those that were packed (crc32 differs)"


def write_index(entries: Sequence[IndexEntry], tar_size: int) -> bytes:
    """The index's bytes."""
    keys = [entry.key.encode("ascii") for entry in entries]
    table = np.zeros(len(entries), _ENTRY)
    for name in ("offset", "span", "points", "cost", "crc32"):
        table[name] = [getattr(entry, name) for entry in entries]
    table["key_end"] = np.cumsum([len(key) for key in keys], dtype=np.int64)
    text = b"".join(keys)
    return _HEADER.pack(MAGIC, FORMAT, len(entries), tar_size, len(text)) + table.tobytes() + text


def read_index(
    read: Callable[[str], bytes], name: str, tar_size: int, sha256: str
) -> list[IndexEntry]:
    """The entries of an index whose tar has ``tar_size`` bytes.

    Args:
        read: gives the bytes of a file of the place.
        name: of the index.
        tar_size: by the manifest, as is ``sha256``.
        sha256: of the index.

    Raises:
        BadInput: it is absent, damaged, of another format, or not the one that was packed.
    """
    try:
        content = read(name)
    except FileNotFoundError:
        raise BadInput(f"{name}: no such index: pack the domain again") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BadInput(f"{name}: not the index that the manifest names (sha256 differs)")
    try:
        return parse_index(content, tar_size)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from None


def parse_index(content: bytes, tar_size: int) -> list[IndexEntry]:
    """The entries in an index's bytes; `BadInput` where they cannot be those of such a tar."""
    if len(content) < _HEADER.size:
        raise BadInput(f"{len(content)} bytes are too few for an index")
    magic, version, count, size, key_bytes = _HEADER.unpack_from(content)
    if magic != MAGIC or version != FORMAT:
        raise BadInput(
            f"starts with {magic!r}, format {version}; this version reads format {FORMAT}"
        )
    if size != tar_size:
        raise BadInput(f"belongs to a tar of {size} bytes, but the tar has {tar_size}")
    start = _HEADER.size + count * _ENTRY.itemsize
    if len(content) != start + key_bytes:
        raise BadInput(f"{len(content)} bytes instead of {start + key_bytes}")
    table = np.frombuffer(content, _ENTRY, count, _HEADER.size)
    ends = table["key_end"].astype(np.int64)
    begins = np.concatenate([np.zeros(1, np.int64), ends[:-1]]) if count else ends
    text = content[start:]
    offset, span = (table[name].astype(object) for name in ("offset", "span"))
    adjacent = [0, *(o + n for o, n in zip(offset, span, strict=True))]
    sound = (
        text.isascii()
        and bool((ends > begins).all())
        and (not count or int(ends[-1]) == key_bytes)
        and adjacent[:-1] == list(offset)
        and adjacent[-1] <= tar_size
        and bool((table["cost"] > 0).all())
    )
    if not sound:
        raise BadInput("its records do not lie end to end in the tar, or its keys are torn")
    keys = [text[b:e].decode("ascii") for b, e in zip(begins, ends, strict=True)]
    if len(set(keys)) != count:
        raise BadInput("a key stands twice")
    rows = table[["offset", "span", "points", "cost", "crc32"]].tolist()
    return [IndexEntry(key, *row) for key, row in zip(keys, rows, strict=True)]
