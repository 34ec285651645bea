"""Records from anywhere: the bytes of the local folder, or an error that says what to do."""

import errno
import os
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppt_dist.journal.retry import Unreachable
from ppt_dist.section import BadInput
from ppt_dist.shard.access import Access
from ppt_dist.shard.cache import CacheConfig
from ppt_dist.shard.damage import DamagedRecord
from ppt_dist.shard.index import IndexEntry
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.shard.member import members_of
from ppt_dist.shard.place import place_of
from ppt_dist.shard.records import Records
from ppt_dist.shard.sequential import cut
from tests import stores
from tests.made_domain import make_domain

DOMAIN = "made"


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A folder with a domain of 6 records in 2 tars."""
    folder = tmp_path_factory.mktemp("made")
    make_domain(folder / DOMAIN, 2, 3)
    return folder


@pytest.fixture(scope="module")
def s3(packed):
    with stores.s3_of(packed) as url:
        yield url


def local(packed):
    records = Records.open(packed / DOMAIN, "train")
    return [bytes(records.checked(i)) for i in range(len(records))]


def all_of(records):
    return [bytes(content) for content in records.read_many(range(len(records)))]


def test_an_object_store_gives_the_bytes_of_the_folder(packed, s3):
    records = Records.open(place_of(f"{s3}/{DOMAIN}"), "train")
    assert all_of(records) == local(packed)
    assert read_manifest(place_of(f"{s3}/{DOMAIN}")) == read_manifest(packed / DOMAIN)


def test_another_process_opens_a_client_of_its_own(s3):
    records = Records.open(place_of(f"{s3}/{DOMAIN}"), "train")
    before = all_of(records)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert pool.submit(all_of, records).result() == before


def test_a_forked_process_is_refused_before_it_hangs(s3):
    program = (
        "import os\n"
        "from ppt_dist.shard.place import place_of\n"
        "from ppt_dist.shard.records import Records\n"
        f"records = Records.open(place_of('{s3}/{DOMAIN}'), 'train')\n"
        "records.read_many([0, 1])\n"
        "if not os.fork():\n"
        "    try:\n"
        "        records.read_many([0, 1])\n"
        "    except RuntimeError as error:\n"
        "        os._exit(17 if 'spawn' in str(error) else 18)\n"
        "    os._exit(19)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=False, timeout=120)
    assert ended.returncode == 17


def test_neither_torch_nor_webdataset_is_imported_to_read():
    program = (
        "import sys, ppt_dist.shard.records\n"
        "raise SystemExit('torch' in sys.modules or 'webdataset' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_what_is_not_there_or_not_allowed_is_said(s3, packed):
    with pytest.raises(BadInput, match=r"holds no manifest\.json; pack nothing into a folder"):
        Records.open(place_of(f"{s3}/nothing"), "train")
    with pytest.raises(BadInput, match="no split 'tran': did you mean 'train'"):
        Records.open(place_of(f"{s3}/{DOMAIN}"), "tran")
    handler = stores.faulty(packed / DOMAIN, [stores.fails(403)] * 2)
    with stores.served(handler) as url:
        records = Records.open(place_of(url), "train", stores.HASTY)
        with pytest.raises(BadInput, match="credentials") as caught:
            records.checked(0)
        assert not isinstance(caught.value, DamagedRecord)


def test_a_store_without_ranges_is_noticed(packed):
    with stores.served(stores.without_ranges(packed, [])) as url:
        records = Records.open(place_of(f"{url}/{DOMAIN}"), "train")
        with pytest.raises(BadInput, match=r'engine\.reading = "whole"'):
            records.checked(1)


def test_reading_whole_tars_needs_a_cache(s3):
    with pytest.raises(BadInput, match=r"there is no engine\.cache"):
        Records.open(place_of(f"{s3}/{DOMAIN}"), "train", Access(reading="whole"))


@pytest.mark.parametrize(
    "fault",
    [
        stores.fails(500),
        stores.fails(503),
        stores.fails(429),
        stores.resets,
        stores.cuts_off,
        stores.sends_less,
    ],
    ids=["500", "503", "429", "reset", "cut off", "short"],
)
def test_what_may_pass_is_repeated_and_told(packed, fault):
    told = []
    with stores.served(stores.faulty(packed / DOMAIN, [fault] * 3)) as url:
        records = Records.open(place_of(url), "train", stores.HASTY, told.append)
        content = records.checked(1)
    assert content == local(packed)[1]
    assert [f"(retry {n} of 4)" in sentence for n, sentence in enumerate(told, 1)] == [True] * 3
    assert all("train-000000.tar" in sentence for sentence in told)


def test_a_server_that_hangs_is_given_up_and_asked_again(packed):
    told = []
    retries = stores.HASTY.retries.model_copy(update={"timeout": 0.5})
    with stores.served(stores.faulty(packed / DOMAIN, [stores.hangs])) as url:
        records = Records.open(place_of(url), "train", Access(retries), told.append)
        assert records.checked(1) == local(packed)[1]
    assert len(told) == 1


def test_what_does_not_pass_is_unreachable_and_no_damage(packed):
    told = []
    with stores.served(stores.faulty(packed / DOMAIN, [stores.fails(500)] * 99)) as url:
        records = Records.open(place_of(url), "train", stores.HASTY, told.append)
        with pytest.raises(Unreachable, match=r"500 .*given up after 5 tries"):
            records.checked(0)
    assert len(told) == 4


def test_a_place_that_nobody_serves_is_unreachable(tmp_path):
    with stores.served(stores.faulty(tmp_path, [])) as url:
        gone = url
    with pytest.raises(Unreachable, match=gone):
        Records.open(place_of(gone), "train", stores.HASTY)


def test_bytes_that_are_wrong_once_are_read_again(packed):
    with stores.served(stores.faulty(packed / DOMAIN, [stores.flips])) as url:
        assert Records.open(place_of(url), "train").checked(1) == local(packed)[1]


def test_bytes_that_stay_wrong_are_damage_with_shard_key_and_crc(packed):
    with stores.served(stores.faulty(packed / DOMAIN, [stores.flips] * 2)) as url:
        records = Records.open(place_of(url), "train")
        with pytest.raises(DamagedRecord, match="crc32 differs") as caught:
            records.checked(1)
    damage = caught.value
    assert damage.shard == f"{url}/train-000000.tar"
    assert damage.key == records.names[1]
    assert damage.crc32 not in {None, records.crc32[1]}
    again = pickle.loads(pickle.dumps(damage))
    assert (str(again), again.crc32) == (str(damage), damage.crc32)


@pytest.mark.parametrize("remote", [False, True], ids=["folder", "url"])
def test_a_tar_that_shrinks_or_goes_is_damage_of_its_records_alone(packed, tmp_path, remote):
    shutil.copytree(packed / DOMAIN, tmp_path / DOMAIN)
    tar = tmp_path / DOMAIN / "train-000000.tar"
    with stores.served(stores.faulty(tmp_path / DOMAIN, [])) as url:
        place = place_of(url) if remote else tmp_path / DOMAIN
        records = Records.open(place, "train", stores.HASTY)
        os.truncate(tar, records._split.records[1].entry.offset + 700)
        assert records.checked(0) == local(packed)[0]
        with pytest.raises(DamagedRecord, match="700 bytes instead of"):
            records.checked(1)
        os.truncate(tar, records._split.records[1].entry.offset)
        with pytest.raises(DamagedRecord, match="0 bytes instead of"):
            records.checked(1)
        tar.unlink()
        fresh = pickle.loads(pickle.dumps(records))
        with pytest.raises(DamagedRecord, match="tar is not there") as caught:
            fresh.checked(0)
    assert caught.value.crc32 is None


def test_many_records_come_in_their_order_and_each_with_its_own_fate(packed, tmp_path, s3):
    wanted = [4, 0, 5, 4]
    expected = [local(packed)[i] for i in wanted]
    assert Records.open(packed / DOMAIN, "train").read_many(wanted) == expected
    assert Records.open(place_of(f"{s3}/{DOMAIN}"), "train").read_many(wanted) == expected
    shutil.copytree(packed / DOMAIN, tmp_path / DOMAIN)
    records = Records.open(tmp_path / DOMAIN, "train")
    with (tmp_path / DOMAIN / "train-000000.tar").open("r+b") as tar:
        tar.seek(600)
        tar.write(b"?")
    second, first = records.begin([1, 0])
    assert second() == local(packed)[1]
    with pytest.raises(DamagedRecord):
        first()


def test_tars_read_whole_give_the_same_bytes_each_streamed_once(packed, tmp_path):
    asked = []
    access = Access(cache=CacheConfig(folder=tmp_path / "cache", mib=64), reading="whole")
    with stores.served(stores.without_ranges(packed, asked)) as url:
        records = Records.open(place_of(f"{url}/{DOMAIN}"), "train", access)
        got = records.read_many([1, 0, 1, 2])
    assert got == [local(packed)[i] for i in (1, 0, 1, 2)]
    assert sum(path.endswith(".tar") for path in asked) == 1


def test_damage_in_a_tar_read_whole_is_of_that_record_alone(packed, tmp_path):
    shutil.copytree(packed / DOMAIN, tmp_path / DOMAIN)
    access = Access(cache=CacheConfig(folder=tmp_path / "cache", mib=64), reading="whole")
    with (tmp_path / DOMAIN / "train-000000.tar").open("r+b") as tar:
        tar.seek(600)
        tar.write(b"?")
    with stores.served(stores.without_ranges(tmp_path, [])) as url:
        records = Records.open(place_of(f"{url}/{DOMAIN}"), "train", access)
        with pytest.raises(DamagedRecord, match="crc32 differs"):
            records.checked(0)
        assert records.checked(1) == local(packed)[1]


def test_stock_webdataset_streams_the_same_records(packed):
    from webdataset.compat import WebDataset

    records = Records.open(packed / DOMAIN, "train")
    ours = {
        records.names[i]: members_of(records.checked(i), records.names[i])
        for i in range(len(records))
    }
    tars = [str(packed / DOMAIN / shard.name) for shard in records.manifest.splits["train"].shards]
    theirs = {
        sample["__key__"]: {k: v for k, v in sample.items() if not k.startswith("__")}
        for sample in WebDataset(tars, shardshuffle=False)
    }
    assert theirs == ours


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 20)), max_size=8),
    st.integers(0, 30),
    st.integers(1, 9),
    st.integers(0, 200),
)
def test_a_tar_in_chunks_is_cut_along_its_index(layout, behind, chunk, length):
    entries, at = [], 0
    for gap, span in layout:
        entries.append(IndexEntry("k", at + gap, span, 1, 1, 0))
        at += gap + span
    tar = bytes(i % 251 for i in range(at + behind))[:length]
    chunks = iter([tar[i : i + chunk] for i in range(0, len(tar), chunk)])
    assert list(cut(chunks, entries)) == [tar[e.offset : e.offset + e.span] for e in entries]
    assert next(chunks, None) is None


@pytest.mark.slow
def test_processes_that_want_a_tar_at_once_stream_it_once(packed, tmp_path):
    asked = []
    access = Access(cache=CacheConfig(folder=tmp_path / "cache", mib=64), reading="whole")
    with (
        stores.served(stores.without_ranges(packed, asked)) as url,
        ProcessPoolExecutor(3, get_context("spawn")) as pool,
    ):
        records = Records.open(place_of(f"{url}/{DOMAIN}"), "train", access)
        for got in pool.map(all_of, [records] * 6):
            assert got == local(packed)
    assert sorted(path for path in asked if path.endswith(".tar")) == [
        f"/{DOMAIN}/train-00000{n}.tar" for n in range(2)
    ]


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO])
def test_a_network_folder_that_falters_is_opened_and_read_again(packed, monkeypatch, number):
    real, failures, told = os.preadv, [number] * 2, []

    def falters(*arguments):
        if failures:
            raise OSError(failures.pop(), "faltered")
        return real(*arguments)

    records = Records.open(packed / DOMAIN, "train", stores.HASTY, told.append)
    monkeypatch.setattr(os, "preadv", falters)
    assert records.checked(1) == local(packed)[1]
    assert len(told) == 2


def test_an_error_of_a_folder_that_cannot_pass_is_raised_at_once(packed, monkeypatch):
    def denies(*_):
        raise PermissionError(errno.EACCES, "denied")

    told = []
    records = Records.open(packed / DOMAIN, "train", stores.HASTY, told.append)
    monkeypatch.setattr(os, "preadv", denies)
    with pytest.raises(PermissionError):
        records.checked(1)
    assert told == []
