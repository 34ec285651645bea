"""The budget of voxels: held against lots before a run starts, and never exceeded by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.section import BadInput
from ppt_dist.stream.budget import Sizes, check_budget, most_scenes, most_voxels
from ppt_dist.stream.plan import LotShape, deal
from tests.stream.plans import LOTS, plans


@settings(max_examples=60)
@given(plans(), st.integers(1, 12), st.none() | st.integers(1, 900), st.data())
def test_no_rank_of_any_lot_has_more_voxels_than_was_reckoned(drawn, ranks, crop, data):
    plan = drawn.plan
    share = data.draw(st.none() | st.floats(0.1, 0.9))
    for t in range(0, LOTS, 3):
        lot = plan.lot(t)
        deck, points = plan.decks[lot.domain], plan.costs[lot.domain]
        largest = max(segment.scenes for segment in deck.segments)
        sizes = Sizes(points, largest, crop, share, deck.copies)
        voxels = sizes.voxels()
        most = most_voxels(sizes, plan.shape, ranks)
        for own in (units for micro in deal(lot, points, ranks) for units in micro):
            held = [slot.scene for unit in own for slot in unit]
            assert len(held) <= most_scenes(largest, plan.shape, ranks)
            assert sum(int(voxels[scene]) for scene in held) <= most


def test_what_may_meet_is_the_largest_scenes_a_scene_twice_where_epochs_meet():
    sizes = Sizes(np.array([10, 50, 40, 30]), 4, None, None, copies=2)
    assert most_voxels(sizes, LotShape(4, 1, 1), 2) == 50 + 50
    assert most_voxels(sizes._replace(copies=1), LotShape(4, 1, 1), 2) == 50 + 40
    assert most_voxels(sizes._replace(crop=35, copies=1), LotShape(4, 1, 1), 2) == 35 + 35
    assert most_voxels(sizes._replace(crop_share=0.5, copies=1), LotShape(4, 1, 1), 2) == 25 + 20


def test_both_scenes_of_a_pair_count():
    assert most_scenes(12, LotShape(12, 1, 1), ranks=4) == 3
    assert most_scenes(12, LotShape(12, 1, 1, mix=0.5), ranks=4) == 4
    assert most_scenes(12, LotShape(12, 2, 1, mix=1.0), ranks=3) == 2


def test_lots_over_the_budget_are_refused_with_the_crop_or_the_micro_lots_that_would_do():
    sizes = {
        "small": Sizes(np.full(9, 10), 24, None, None),
        "a": Sizes(np.full(99, 1000), 24, None, None),
    }
    with pytest.raises(BadInput) as refused:
        check_budget(sizes, LotShape(24, 1, 1), 4, budget=3000)
    told = str(refused.value)
    assert "domain a: 6 scenes of 6,000 voxels may meet on one of 4 ranks" in told
    assert "set its crop to 500 or less, or set lots.micro to 2 or more" in told
    check_budget(sizes, LotShape(24, 2, 1), 4, budget=3000)
    cropped = {name: one._replace(crop=500) for name, one in sizes.items()}
    check_budget(cropped, LotShape(24, 1, 1), 4, budget=3000)
    check_budget(sizes, LotShape(24, 1, 1), 4, budget=None)


def test_a_budget_that_one_scene_exceeds_names_the_crop_alone():
    with pytest.raises(BadInput, match=r"set its crop to 70 or less, or raise the budget"):
        check_budget({"a": Sizes(np.full(9, 100), 4, None, None)}, LotShape(4, 4, 1), 1, 70)
