"""Tars of another making: records and members that are whole, and wrong."""

import io
import json
import tarfile

import numpy as np
import zstandard

from tests.fuzzing.base import Files, Record, rebuilt, records_of, tars_of
from tests.fuzzing.manifests import OTHERS, place_in

NESTED = b"[" * 100_000
STRANGE = (
    *(NESTED, b'{"a":' * 50_000, b"", b"{}", b"[]", b"NaN", b"\xff\xfe{}", b"1" * 5000),
    b'{"format": 1, "name": "\\ud800", "points": 3}',
    b'{"format": 1, "name": "a", "points": NaN}',
    b'{"format": 1, "name": "a", "points": 1e400}',
    b'{"format": 1, "name": "a", "points": ' + b"9" * 4000 + b"}",
    b'{"format": 1, "name": "a", "points": ' + b"9" * 5000 + b"}",
    b'{"format": 1, "name": "a", "points": 9223372036854775807}',
    b'{"format": 1, "name": "a", "points": 1099511627776}',
    b'{"format": 1, "name": "a", "points": "3"}',
    b'{"format": 1, "format": 2, "name": "a", "points": 3}',
)
"""Contents of a member that is JSON, or is not."""
SIZES = (0, 1, 511, 513, 8**11 - 1, 2**63 - 1, 2**63, 2**64, -1, -512)
KINDS = b"0123456789gxLKSDV\0"


def swap(rng: np.random.Generator, files: Files) -> Files:
    """Two records change their places and keep their keys."""
    tar, records = _two(rng, files)
    a, b = records[0], records[1]
    return rebuilt(files, tar, [Record(a.entry, b.members), Record(b.entry, a.members)])


def rename_record(rng: np.random.Generator, files: Files) -> Files:
    """A record has the members of another scene under its own name."""
    tar, (a, b) = _two(rng, files)
    members = tuple(
        member(_suffixed(m, a.entry.key), m[512 : 512 + _size_of(m)]) for m in b.members
    )
    return rebuilt(files, tar, [Record(a.entry, members), b])


def repeat(rng: np.random.Generator, files: Files) -> Files:
    """A record stands twice, under one key or under two."""
    tar, records = _one(rng, files)
    key = records[0].entry.key + ("" if rng.random() < 0.5 else "x")
    again = Record(records[0].entry._replace(key=key), records[0].members)
    return rebuilt(files, tar, [*records, again])


def part_members(rng: np.random.Generator, files: Files) -> Files:
    """A member lies behind another record, not with its own."""
    tar, (a, b) = _two(rng, files)
    n = int(rng.integers(len(a.members)))
    kept = Record(a.entry, a.members[:n] + a.members[n + 1 :])
    return rebuilt(files, tar, [kept, Record(b.entry, (*b.members, a.members[n]))])


def lose_member(rng: np.random.Generator, files: Files) -> Files:
    """A record lacks one of its members."""
    tar, records = _one(rng, files)
    n = int(rng.integers(len(records[0].members)))
    members = records[0].members
    return rebuilt(files, tar, [records[0]._replace(members=members[:n] + members[n + 1 :])])


def repeat_member(rng: np.random.Generator, files: Files) -> Files:
    """A member stands twice."""
    tar, records = _one(rng, files)
    members = records[0].members
    return rebuilt(files, tar, [records[0]._replace(members=(*members, rng.choice(members)))])


def put_header(rng: np.random.Generator, files: Files) -> Files:
    """A PAX, GNU or other header stands before a member."""
    tar, records = _one(rng, files)
    members = records[0].members
    n = int(rng.integers(len(members)))
    return rebuilt(
        files, tar, [Record(records[0].entry, (*members[:n], *_strange(rng), *members[n:]))]
    )


def change_header(rng: np.random.Generator, files: Files) -> Files:
    """A header says another size, kind or name, under a true checksum."""
    tar, records = _one(rng, files)
    members = list(records[0].members)
    n = int(rng.integers(len(members)))
    header = bytearray(members[n][:512])
    choice = int(rng.integers(4))
    if choice == 0:
        header[124:136] = _number(int(SIZES[rng.integers(len(SIZES))]))
    elif choice == 1:
        header[156] = KINDS[rng.integers(len(KINDS))]
    elif choice == 2:
        header[0:100] = rng.bytes(100)
    else:
        header[345:500] = rng.bytes(155)
    members[n] = _summed(header) + members[n][512:]
    return rebuilt(files, tar, [Record(records[0].entry, tuple(members))])


def change_content(rng: np.random.Generator, files: Files) -> Files:
    """A member holds something else."""
    tar, records = _one(rng, files)
    members = list(records[0].members)
    n = int(rng.integers(len(members)))
    name = members[n][:100].rstrip(b"\0").decode()
    content = members[n][512 : 512 + _size_of(members[n])]
    members[n] = member(name, _other(rng, name, content))
    return rebuilt(files, tar, [Record(records[0].entry, tuple(members))])


def change_entry(rng: np.random.Generator, files: Files) -> Files:
    """The index tells other points, costs or keys than the record has."""
    tar, records = _one(rng, files)
    entry = records[0].entry
    other = (
        entry._replace(points=int(rng.integers(2**32))),
        entry._replace(cost=int(rng.integers(2**32))),
        entry._replace(key=str(rng.choice(["", "a/b", "..", "x" * 300, "a b", "\t"]))),
    )
    return rebuilt(files, tar, [Record(other[rng.integers(3)], records[0].members)])


def member(name: str, content: bytes) -> bytes:
    """A plain file in a tar."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    padding = bytes(-len(content) % 512)
    return info.tobuf(tarfile.USTAR_FORMAT) + content + padding


def _one(rng: np.random.Generator, files: Files) -> tuple[str, list[Record]]:
    tar = str(rng.choice(tars_of(files)))
    records = records_of(files, tar)
    return tar, [records[rng.integers(len(records))]]


def _two(rng: np.random.Generator, files: Files) -> tuple[str, list[Record]]:
    tars = [tar for tar in tars_of(files) if len(records_of(files, tar)) > 1]
    tar = tars[rng.integers(len(tars))]
    return tar, records_of(files, tar)[:2]


def _size_of(part: bytes) -> int:
    return int(part[124:135], 8)


def _suffixed(part: bytes, key: str) -> str:
    return key + "." + part[:100].rstrip(b"\0").decode().partition(".")[2]


def _strange(rng: np.random.Generator) -> tuple[bytes, ...]:
    info = tarfile.TarInfo("n" * 300)
    if rng.random() < 0.3:
        info.pax_headers = {"size": "9" * 30, "path": "../../x", "GNU.sparse.size": "1" * 20}
    pax = rng.random() < 0.5
    made = info.tobuf(tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT)
    return (made[: 512 * int(rng.integers(1, 4))],)


def _number(value: int) -> bytes:
    """A size as tars write it: octal, or base 256 where that does not reach."""
    if 0 <= value < 8**11:
        return f"{value:011o}\0".encode()
    return (value % 2**95 | 1 << 95).to_bytes(12, "big")


def _summed(header: bytearray) -> bytes:
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header)


def _other(rng: np.random.Generator, name: str, content: bytes) -> bytes:
    if name.endswith("json") and rng.random() < 0.5:
        return _other_json(rng, content)
    if name.endswith("json") or rng.random() < 0.1:
        return STRANGE[rng.integers(len(STRANGE))]
    packed = name.endswith(".zst")
    if packed and rng.random() < 0.4:
        return _bomb(rng)
    inside = zstandard.ZstdDecompressor().decompress(content) if packed else content
    choices = (_header(rng, inside), inside + rng.bytes(9), inside[: rng.integers(len(inside))])
    changed = choices[rng.integers(3)]
    return zstandard.ZstdCompressor(3).compress(changed) if packed else changed


def _other_json(rng: np.random.Generator, content: bytes) -> bytes:
    table = json.loads(content)
    holder, key = place_in(rng, table)
    holder[key] = OTHERS[rng.integers(len(OTHERS))]
    return json.dumps(table).encode()


def _bomb(rng: np.random.Generator) -> bytes:
    """Gigabytes in a few bytes: with their size told, with none, or told wrongly."""
    writer = zstandard.ZstdCompressor(3, write_content_size=bool(rng.integers(2)))
    frame = writer.compress(bytes(40_000_000))
    told = bytearray(frame)
    told[5:9] = rng.bytes(4)
    wide = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(
        window_log=27)).compress(bytes(1000))  # fmt: skip
    return (frame, bytes(told), frame * 20, wide, frame[:9])[rng.integers(5)]


def _header(rng: np.random.Generator, inside: bytes) -> bytes:
    """Another ``.npy`` header before the data."""
    at = 10 + int.from_bytes(inside[8:10], "little")
    shapes = ("(10000000000, 3)", "(-1, 3)", "()", "(3,)", "(0, 3)", "[1, 2]", "(" * 5000)
    kinds = ("<f8", "|O", "<f4", "<U3", "|V0", ">i2", "x")
    told = {
        "descr": kinds[rng.integers(len(kinds))],
        "order": ("True", "False", "1")[rng.integers(3)],
        "shape": shapes[rng.integers(len(shapes))],
    }
    text = (
        f"{{'descr': {json.dumps(told['descr'])}, 'fortran_order': {told['order']}, "
        f"'shape': {told['shape']}, }}"
    ).encode()
    out = io.BytesIO()
    out.write(inside[:6] + bytes([rng.integers(1, 4), 0]) + len(text).to_bytes(2, "little"))
    out.write(text + inside[at:])
    return out.getvalue()
