"""The binary index, pinned, and what a damaged one may do: nothing but be refused."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.section import BadInput
from ppt_dist.shard.index import IndexEntry, parse_index, read_index, write_index
from ppt_dist.shard.store import Folder

ENTRIES = [
    IndexEntry("scene0000_00", 0, 2048, 100, 40, 7),
    IndexEntry("b", 2048, 1024, 5, 1, 2**32 - 1),
]
TAR = 10_240
GOLDEN = (
    "5050544449445800" "01000000" "02000000" "0028000000000000" "0d00000000000000" + "00" * 16
    + "0000000000000000" "0008000000000000" "64000000" "28000000" "07000000" "0c000000" + "00" * 8
    + "0008000000000000" "0004000000000000" "05000000" "01000000" "ffffffff" "0d000000" + "00" * 8
    + b"scene0000_00b".hex()
)  # fmt: skip


def test_the_format_is_pinned_byte_by_byte():
    assert write_index(ENTRIES, TAR).hex() == GOLDEN


def test_entries_come_back():
    assert parse_index(write_index(ENTRIES, TAR), TAR) == ENTRIES
    assert parse_index(write_index([], 0), 0) == []


@given(st.integers(0, 140), st.integers(0, 255), st.integers(0, 3))
@settings(max_examples=400, deadline=None)
def test_a_changed_index_is_refused_or_still_lies_inside_the_tar(place, value, cut):
    content = bytearray(write_index(ENTRIES, TAR))
    content[place % len(content)] = value

    try:
        entries = parse_index(bytes(content[: len(content) - cut]), TAR)
    except BadInput:
        return

    assert all(e.offset >= 0 and e.offset + e.span <= TAR and e.cost > 0 for e in entries)


def test_an_index_of_another_tar_or_with_other_bytes_is_refused(tmp_path):
    path = tmp_path / "a.idx"
    path.write_bytes(write_index(ENTRIES, TAR))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    read = Folder(tmp_path).read
    assert read_index(read, "a.idx", TAR, digest) == ENTRIES
    with pytest.raises(BadInput, match="a tar of 10240 bytes, but the tar has 5"):
        read_index(read, "a.idx", 5, digest)
    with pytest.raises(BadInput, match="sha256"):
        read_index(read, "a.idx", TAR, "0" * 64)
    with pytest.raises(BadInput, match="no such index"):
        read_index(read, "b.idx", TAR, digest)


@pytest.mark.parametrize(
    "entries",
    [
        [IndexEntry("a", 0, 512, 1, 1, 0), IndexEntry("b", 0, 512, 1, 1, 0)],
        [IndexEntry("a", 0, 20_000, 1, 1, 0)],
        [IndexEntry("a", 0, 512, 1, 0, 0)],
        [IndexEntry("a", 0, 512, 1, 1, 0), IndexEntry("a", 512, 512, 1, 1, 0)],
    ],
    ids=["overlap", "beyond the tar", "cost of zero", "key twice"],
)
def test_entries_that_contradict_each_other_are_refused(entries):
    with pytest.raises(BadInput):
        parse_index(write_index(entries, TAR), TAR)
