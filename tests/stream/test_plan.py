"""The plan: every lot from counts, costs, weights and seed alone; ranks only share it."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppt_dist.section import BadInput
from ppt_dist.stream.era import steady
from ppt_dist.stream.plan import LotShape, Plan, assign, spread

COSTS = {
    "scannet": np.array([10, 20, 30, 40, 50]),
    "s3dis": np.array([7, 7, 9]),
    "structured3d": np.array([1, 2, 3, 4, 5, 6, 7]),
}
WEIGHTS = {"structured3d": 4, "scannet": 2, "s3dis": 1}


def small(scenes=4, micro=1, a_step=1, seed=0):
    return Plan(COSTS, steady(WEIGHTS), LotShape(scenes, micro, a_step), seed)


def planned(costs, weights, shape, seed):
    return Plan(costs, steady(weights), shape, seed)


@st.composite
def parts(draw):
    """Arguments of plans of one to four domains, some smaller than a lot."""
    domains = [f"d{i}" for i in range(draw(st.integers(1, 4)))]
    cost = st.lists(st.integers(1, 1000), min_size=1, max_size=12)
    costs = {d: np.array(draw(cost)) for d in domains}
    scenes = draw(st.integers(1, 9))
    micro = draw(st.integers(1, scenes))
    shape = LotShape(scenes, micro, draw(st.integers(1, 3)))
    weights = {d: draw(st.integers(1, 5)) for d in domains}
    return costs, weights, shape, draw(st.integers(0, 9))


def test_the_first_lots_and_their_ranks_are_those_of_the_first_day():
    lots = [small().lot(t) for t in range(8)]
    assert [(lot.domain, *map(tuple, sorted(lot.micro[0]))) for lot in lots] == [
        ("structured3d", (0, 0), (0, 1), (0, 3), (0, 5)),
        ("scannet", (0, 0), (0, 1), (0, 2), (0, 4)),
        ("structured3d", (0, 2), (0, 4), (0, 6), (1, 0)),
        ("s3dis", (0, 0), (0, 1), (0, 2), (1, 0)),
        ("structured3d", (1, 1), (1, 4), (1, 5), (1, 6)),
        ("scannet", (0, 3), (1, 0), (1, 1), (1, 3)),
        ("structured3d", (1, 2), (1, 3), (2, 2), (2, 3)),
        ("structured3d", (2, 0), (2, 1), (2, 4), (2, 6)),
    ]
    shares = [assign(lots[t], COSTS[lots[t].domain], 3)[0] for t in (2, 3)]
    assert shares == [
        (((0, 6),), ((0, 4),), ((0, 2), (1, 0))),
        (((0, 2),), ((0, 0), (1, 0)), ((0, 1),)),
    ]


@given(parts())
def test_each_epoch_of_a_domain_has_every_scene_once_across_lots(parts):
    plan = planned(*parts)
    drawn = {d: [] for d in plan.costs}
    for t in range(60):
        lot = plan.lot(t)
        drawn[lot.domain] += chain(*lot.micro)
    for domain, slots in drawn.items():
        n = len(plan.costs[domain])
        assert max(Counter(slots).values(), default=1) == 1
        whole = len(slots) // n
        by_epoch = Counter(slot.epoch for slot in slots)
        assert all(by_epoch[epoch] == n for epoch in range(whole))
        assert len(slots) - whole * n == by_epoch[whole]


@given(parts(), st.integers(0, 500), st.integers(1, 12))
def test_any_number_of_ranks_shares_the_same_scenes_of_the_same_micro_lots(parts, t, ranks):
    plan = planned(*parts)
    lot = plan.lot(t)
    assert sum(map(len, lot.micro)) == plan.shape.scenes
    assert len(lot.micro) == plan.shape.micro
    for micro, shared in zip(lot.micro, assign(lot, plan.costs[lot.domain], ranks), strict=True):
        assert len(shared) == ranks
        assert sorted(chain(*shared)) == sorted(micro)
        if len(micro) >= ranks:
            assert all(shared), "a rank without a scene though there are enough"
        assert max(map(len, shared)) <= -(-len(micro) // ranks)


@given(parts(), st.integers(0, 50))
def test_a_step_is_its_lots_wherever_one_starts(parts, step):
    plan, again = planned(*parts), planned(*parts)
    for before in range(step % 3):
        plan.step(before)
    k = again.shape.a_step
    assert plan.step(step) == tuple(again.lot(t) for t in range(step * k, step * k + k))


def test_no_other_domain_moves_an_order():
    alone = Plan({"s3dis": COSTS["s3dis"]}, steady({"s3dis": 1}), LotShape(4, 1, 1), 0)
    own = [lot for lot in map(small().lot, range(70)) if lot.domain == "s3dis"]
    assert [lot.micro for lot in own] == [alone.lot(t).micro for t in range(10)]


def test_another_seed_and_another_epoch_are_other_orders():
    def order(seed, epoch):
        big = Plan({"a": np.ones(50, np.int64)}, steady({"a": 1}), LotShape(1, 1, 1), seed)
        return [big.slot("a", 50 * epoch + i).scene for i in range(50)]

    orders = [order(0, 0), order(0, 1), order(1, 0)]
    assert all(sorted(o) == list(range(50)) for o in orders)
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20), st.integers(1, 6))
def test_the_most_loaded_rank_has_at_most_its_fair_share_and_one_scene_more(costs, ranks):
    table = np.array(costs)
    plan = Plan({"a": table}, steady({"a": 1}), LotShape(len(costs), 1, 1), 0)
    slots = plan.lot(0).micro[0]
    loads = [sum(table[s.scene] for s in part) for part in spread(slots, table, ranks)]
    assert sum(loads) == sum(costs)
    assert max(loads) <= sum(costs) / ranks + max(costs)


def test_equal_scenes_are_spread_evenly():
    table = np.full(12, 5)
    slots = Plan({"a": table}, steady({"a": 1}), LotShape(12, 1, 1), 0).lot(0).micro[0]
    assert [len(part) for part in spread(slots, table, 4)] == [3, 3, 3, 3]


def test_a_domain_without_a_scene_is_refused_by_name():
    with pytest.raises(BadInput, match="'empty'"):
        Plan({"empty": np.zeros(0, np.int64)}, steady({"empty": 1}), LotShape(1, 1, 1), 0)
