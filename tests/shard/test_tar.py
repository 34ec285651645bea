"""Tars that anyone can read, and members that are read without trust."""

import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.section import BadInput
from ppt_dist.shard.member import members_of
from ppt_dist.shard.tar import check_key, write_tar

RECORDS = [("a-1", {"meta.json": b"{}", "coord.npy": b"x" * 700}), ("b_2", {"meta.json": b"{} "})]


def test_spans_are_where_the_records_lie(tmp_path):
    path = tmp_path / "t.tar"
    spans = write_tar(path, RECORDS)

    content = path.read_bytes()
    parts = [members_of(content[s.offset : s.offset + s.size], s.key) for s in spans]

    assert parts == [members for _, members in RECORDS]
    assert [s.offset for s in spans] == [0, 512 * 2 + 512 * 3]


def test_headers_are_plain_ustar_without_owner_or_time(tmp_path):
    path = tmp_path / "t.tar"
    write_tar(path, RECORDS)

    with tarfile.open(path) as tar:
        infos = tar.getmembers()

    assert [i.name for i in infos] == ["a-1.coord.npy", "a-1.meta.json", "b_2.meta.json"]
    assert {(i.mtime, i.uid, i.gid, i.uname, i.gname, i.mode) for i in infos} == {
        (0, infos[0].uid, infos[0].gid, "", "", 0o644)
    }
    assert {i.pax_headers == {} for i in infos} == {True}


def test_the_same_records_give_the_same_bytes(tmp_path):
    write_tar(tmp_path / "a.tar", RECORDS)
    write_tar(tmp_path / "b.tar", RECORDS)

    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


@pytest.mark.parametrize("key", ["a.b", "a/b", "", "x" * 81, "sch\u00f6n", "a b"])
def test_a_key_that_a_plain_header_cannot_hold_is_refused(key):
    with pytest.raises(BadInput, match="cannot be a key"):
        check_key(key)


@given(st.integers(0, 511), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_a_changed_header_is_refused_or_changes_no_content(tmp_path_factory, place, value):
    path = tmp_path_factory.mktemp("t") / "t.tar"
    span = write_tar(path, RECORDS)[0]
    content = bytearray(path.read_bytes()[: span.size])
    content[place] = value

    try:
        members = members_of(bytes(content), span.key)
    except BadInput:
        return

    assert members == RECORDS[0][1]


def test_a_link_among_the_members_is_refused():
    info = tarfile.TarInfo("a-1.coord.npy")
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"

    with pytest.raises(BadInput, match="not a plain file"):
        members_of(info.tobuf(tarfile.USTAR_FORMAT), "a-1")
