"""The witness: ranks that read something else than was planned do not go on."""

from contextlib import nullcontext

import pytest

from ppt_dist.shard.access import PLAIN
from ppt_dist.stream.fetch import Fetching
from ppt_dist.stream.load import open_records
from ppt_dist.stream.plan import LotShape
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.stream import Source, open_stream
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.witness import Witness
from tests.damage import copy_damaged
from tests.ranks import run_ranks
from tests.swap import swapped

SHAPE = LotShape(scenes=2, micro=1, a_step=1)
VOXELISE = Voxelise(0.2, ("color", "normal"), "unit", crop=100)
SCENES = {"scannet": 1, "s3dis": 1}


def watched(packed, ranks, every, on_damaged=None):
    sources = {name: Source(packed / name, weight, VOXELISE) for name, weight in SCENES.items()}
    fetching = Fetching(0, 1, print, *([on_damaged] if on_damaged else []))
    stream = open_stream(sources, SHAPE, 0, ranks.rank, fetching)
    records = {name: open_records(packed / name, "train", PLAIN) for name in SCENES}
    return Witness(stream, records, ranks, every)


def test_a_sound_loader_passes_at_any_cadence(packed):
    for every in (1, 3, 100):
        assert len(list(watched(packed, Ranks(Rank(0, 1)), every).steps(2, 9))) == 7


def test_swapped_records_stop_the_run_before_their_step_is_trained_on(packed):
    with swapped(packed / "scannet"):
        steps = watched(packed, Ranks(Rank(0, 1)), 1).steps(0, 8)
        (lot,) = next(steps)
        assert lot.domain == "s3dis"
        with pytest.raises(RuntimeError, match=r"not those of the plan.*ppt-dist audit"):
            next(steps)


def test_a_stand_in_counts_as_what_it_stands_for(packed, tmp_path):
    copy_damaged(packed, tmp_path, "s3dis", 1)
    copy_damaged(packed, tmp_path, "scannet", 0)
    told = []
    stream = watched(tmp_path, Ranks(Rank(0, 1)), 1, lambda *what: told.append(what))
    assert len(list(stream.steps(0, 8))) == 8
    assert told


@pytest.mark.ranks
@pytest.mark.slow
def test_one_rank_with_a_wrong_loader_stops_both(packed):
    run_ranks(_rank, 2, packed)


def _rank(ranks, packed):
    """What each rank does; only the second has a wrong loader."""
    assert len(list(watched(packed, ranks, 2).steps(0, 4))) == 4
    wrong = swapped(packed / "s3dis") if ranks.rank.index else nullcontext()
    with wrong, pytest.raises(RuntimeError, match="not those of the plan"):
        list(watched(packed, ranks, 4).steps(0, 4))
