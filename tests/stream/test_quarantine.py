"""Scenes that cannot be read: what stands in for them, whoever asks."""

from itertools import chain

import pytest

from ppt_dist.section import BadInput
from ppt_dist.stream.fetch import Fetching
from ppt_dist.stream.plan import LotShape
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.read import Read
from ppt_dist.stream.stream import Source, open_stream
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.synth.make import make_raw
from tests.damage import copy_damaged
from tests.packing import pack_domain

SHAPE = LotShape(scenes=4, micro=1, a_step=1)
VOXELISE = Voxelise(0.2, ("color", "normal"), "unit", crop=100)
STEPS = 6


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Six training rooms."""
    folder = tmp_path_factory.mktemp("rooms")
    make_raw(folder / "raw", 9, seed=3, domains=("s3dis",))
    pack_domain("s3dis", folder / "raw", folder / "packed")
    return folder / "packed"


@pytest.fixture(scope="module")
def damaged(whole, tmp_path_factory):
    folder, keys = copy_damaged(whole, tmp_path_factory.mktemp("damaged"), "s3dis", 2)
    return folder, frozenset(keys)


def scenes(folder, ranks=1, processes=0, known=frozenset(), start=0):
    """Bytes of each scene of each lot with what was read for it, and what was told."""
    lots, told = {}, []
    for rank in range(ranks):
        fetching = Fetching(
            processes, 1, print, lambda d, lot, bad: told.append((d, lot, bad.name))
        )
        source = {"s3dis": Source(folder, 1, VOXELISE)}
        stream = open_stream(source, SHAPE, 0, Rank(rank, ranks), fetching, {"s3dis": known})
        for lot in chain.from_iterable(stream.steps(start, STEPS)):
            (batch,) = lot.micro
            ends = [0, *batch.offset.tolist()]
            parts = [
                (read, batch.feat[a:b].numpy().tobytes())
                for read, a, b in zip(lot.reads, ends, ends[1:], strict=False)
            ]
            lots.setdefault(lot.index, []).extend(parts)
        stream.close()
    return {index: sorted(parts) for index, parts in lots.items()}, told


def test_a_damaged_scene_changes_its_own_slots_alone(whole, damaged):
    folder, keys = damaged
    before, after = scenes(whole / "s3dis")[0], scenes(folder)[0]
    kept = {read.name for parts in before.values() for read, _ in parts} - keys
    for index, parts in before.items():
        own = [part for part in parts if part[0].name in kept]
        stood_in = [read for read, _ in after[index] if read.instead_of]
        assert [part for part in after[index] if not part[0].instead_of] == own
        assert sorted(r.instead_of for r in stood_in) == sorted(
            r.name for r, _ in parts if r.name in keys
        )
        assert all(read.name not in keys for read in stood_in)


@pytest.mark.parametrize("ranks", [2, 3])
def test_the_same_stand_ins_for_every_number_of_ranks(damaged, ranks):
    assert scenes(damaged[0], ranks=ranks)[0] == scenes(damaged[0])[0]


@pytest.mark.slow
def test_the_same_stand_ins_with_fetchers(damaged):
    assert scenes(damaged[0], processes=2) == scenes(damaged[0])


def test_a_restart_that_knows_the_ledger_reads_the_same(damaged):
    folder, keys = damaged
    lots, told = scenes(folder)
    again, news = scenes(folder, known=keys, start=2)
    assert again == {index: parts for index, parts in lots.items() if index >= 2}
    assert {name for _, _, name in told} == keys
    assert news == []


def test_a_healed_scene_that_is_quarantined_stays_replaced(whole, damaged):
    """Or a restart would not repeat what was."""
    folder, keys = damaged
    assert scenes(whole / "s3dis", known=keys)[0] == scenes(folder)[0]


def test_a_domain_without_a_readable_scene_ends_with_the_reasons(whole, tmp_path):
    folder, keys = copy_damaged(whole, tmp_path, "s3dis", 99)
    with pytest.raises(BadInput, match=rf"none of its {len(keys)} training scenes.*\n.*crc32"):
        scenes(folder)


def test_a_read_says_what_the_bytes_said(whole):
    reads = [read for parts in scenes(whole / "s3dis")[0].values() for read, _ in parts]
    assert all(isinstance(read, Read) and read.crc32 and not read.instead_of for read in reads)
