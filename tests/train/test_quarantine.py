"""Losing scenes: it is written down at once, and too many end the run with the list."""

import pytest

from ppt_dist.journal.journal import Journal, read_events
from ppt_dist.section import BadInput
from ppt_dist.stream.read import Damaged
from ppt_dist.train.ledger import gather
from ppt_dist.train.quarantine import Quarantine, most_quarantined


def keeper(run, rank=0, most=2):
    writer = f"rank-{rank}"
    return Quarantine(run, f"{writer}-1", Journal(run, writer, 1), {"scannet": most})


def test_a_lost_scene_is_in_the_ledger_and_the_events_once(tmp_path):
    own = keeper(tmp_path)
    for lot in (4, 9):
        own.take("scannet", lot, Damaged("scene0000_00", "torn"))
    assert gather(tmp_path).reasons("scannet") == {"scene0000_00": "torn"}
    (event,) = [e for e in read_events(tmp_path) if e["event"] == "quarantine"]
    assert (event["scene"], event["lot"]) == ("scene0000_00", 4)


def test_one_too_many_over_all_ranks_ends_the_run_with_the_list(tmp_path):
    ranks = [keeper(tmp_path, rank) for rank in range(3)]
    for i, rank in enumerate(ranks[:2]):
        rank.take("scannet", i, Damaged(f"scene{i}", f"reason {i}"))
    with pytest.raises(BadInput, match=r"3 training scenes.*allows 2") as found:
        ranks[2].take("scannet", 7, Damaged("scene2", "reason 2"))
    for i in range(3):
        assert f"scene{i}: reason {i}" in str(found.value)


@pytest.mark.parametrize(
    ("share", "scenes", "most"), [(0.0, 900, 0), (0.01, 20, 1), (0.01, 900, 9), (1.0, 3, 3)]
)
def test_a_share_allows_one_scene_at_least_unless_it_is_none(share, scenes, most):
    assert most_quarantined(share, scenes) == most
