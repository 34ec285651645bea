"""The plan: every lot from counts, costs, weights and seed alone; ranks only share it."""

from collections import Counter, defaultdict
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.section import BadInput
from ppt_dist.stream.era import Course, Era, steady
from ppt_dist.stream.plan import LotShape, Plan, assign, deal, spread
from tests.stream.plans import LOTS, eras, plans

COSTS = {
    "scannet": np.array([10, 20, 30, 40, 50]),
    "s3dis": np.array([7, 7, 9]),
    "structured3d": np.array([1, 2, 3, 4, 5, 6, 7]),
}
WEIGHTS = {"structured3d": 4, "scannet": 2, "s3dis": 1}


def small(scenes=4, micro=1, a_step=1, seed=0):
    return Plan(COSTS, steady(WEIGHTS), LotShape(scenes, micro, a_step), seed)


@st.composite
def parts(draw):
    """Arguments of plans of one mixture over one to four domains, some smaller than a lot."""
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


@settings(max_examples=40)
@given(plans(limits=True))
def test_each_scene_comes_once_an_epoch_through_eras_lot_sizes_windows_and_skipped_lots(drawn):
    plan = drawn.plan
    shown = defaultdict(list)
    for lot in map(plan.lot, range(LOTS)):
        shown[lot.domain] += chain(*lot.micro)
    for domain, slots in shown.items():
        n, deck = len(drawn.costs[domain]), plan.decks[domain]
        assert max(Counter(slots).values()) == 1
        window = deck.window * max(segment.scenes for segment in deck.segments)
        begun = len(slots) // n
        by_epoch = Counter(slot.epoch for slot in slots)
        for epoch in range(begun):  # what is not shown yet lies within the window
            assert by_epoch[epoch] == n or (begun - epoch) * n < window + n
        assert max(by_epoch) * n < len(slots) + window


@settings(max_examples=40)
@given(plans(), st.integers(0, LOTS), st.integers(1, 12))
def test_any_number_of_ranks_shares_the_same_scenes_of_the_same_micro_lots(drawn, t, ranks):
    plan = drawn.plan
    lot = plan.lot(t)
    costs = plan.costs[lot.domain]
    assert sum(map(len, lot.micro)) == plan.timeline.stretch(t).scenes[lot.domain]
    assert len(lot.micro) == plan.shape.micro
    for micro, units, shared in zip(lot.micro, lot.units, deal(lot, costs, ranks), strict=True):
        assert len(shared) == ranks
        assert sorted(chain(*shared)) == sorted(units)
        assert sorted(chain(*units)) == sorted(micro)
        if len(units) >= ranks:
            assert all(shared), "a rank without a unit though there are enough"
        assert max(map(len, shared)) <= -(-len(units) // ranks)


@settings(max_examples=40)
@given(plans(limits=True), st.integers(0, 9))
def test_a_plan_that_starts_at_any_step_continues_as_if_it_had_begun_at_0(drawn, start):
    undisturbed, resumed = drawn.plan, drawn.plan
    whole = [undisturbed.step(step) for step in range(10)]
    assert [resumed.step(step) for step in range(start, 10)] == whole[start:]
    assert resumed.step(start // 2) == whole[start // 2]


@settings(max_examples=40)
@given(plans(limits=True))
def test_steps_take_every_lot_in_turn_but_those_that_are_skipped(drawn):
    plan = drawn.plan
    a_step = range(plan.shape.a_step)
    taken = [plan.timeline.lot_index(step, k) for step in range(16) for k in a_step]
    assert [lot.index for step in (0, 5) for lot in plan.step(step)] == [
        taken[step * len(a_step) + k] for step in (0, 5) for k in a_step
    ]
    assert taken == [t for t in range(taken[-1] + 1) if t not in drawn.course.skipped]
    assert [plan.timeline.step_of(t) for t in taken] == [step for step in range(16) for _ in a_step]


@settings(max_examples=40)
@given(plans(), st.data())
def test_adding_dropping_or_weighing_other_domains_moves_no_domains_own_order(drawn, data):
    """While the size of its lots stays, whatever the mixture does and whenever it changes."""
    costs = drawn.costs | {"new": np.arange(1, 6)}
    shape = drawn.shape._replace(micro=1, mix=0.0)  # pairs are drawn by lot, not by domain
    sizes = {name: data.draw(st.integers(1, 6)) for name in costs}

    def lots(eras):
        same = tuple(era._replace(scenes=sizes) for era in eras)
        plan = Plan(costs, drawn.course._replace(eras=same), shape, drawn.seed)
        own = defaultdict(list)
        for lot in map(plan.lot, range(24)):
            own[lot.domain].append(lot.micro)
        return own

    one, other = lots(drawn.course.eras), lots(data.draw(eras(sorted(costs))))
    for name in costs:
        both = min(len(one[name]), len(other[name]))
        assert one[name][:both] == other[name][:both]


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


@pytest.mark.parametrize("window", [1, 8])
@pytest.mark.parametrize(("scenes", "lot"), [(1, 4), (3, 8), (5, 4)])
def test_a_domain_smaller_than_a_lot_or_than_the_ranks_is_planned_too(scenes, lot, window):
    costs = {"a": np.arange(1, scenes + 1)}
    plan = Plan(costs, steady({"a": 1}), LotShape(lot, 1, 1, 0.0, window), 0)
    slots = [slot for t in range(5 * window) for slot in plan.lot(t).micro[0]]
    assert len(set(slots)) == len(slots) == 5 * window * lot
    assert {slot.scene for slot in slots} == set(range(scenes))
    shares = [len(part) for part in assign(plan.lot(3), costs["a"], lot)[0]]
    assert shares == [1] * lot


def test_a_domain_without_a_scene_is_refused_by_name():
    with pytest.raises(BadInput, match="'empty'"):
        Plan({"empty": np.zeros(0, np.int64)}, steady({"empty": 1}), LotShape(1, 1, 1), 0)


class Counted:
    """Costs that a function gives, for more scenes than memory could hold."""

    def __init__(self, scenes):
        self.scenes, self.calls = scenes, 0

    def __len__(self):
        return self.scenes

    def __getitem__(self, scene):
        self.calls += 1
        return 1 + scene * 2654435761 % 1000


@pytest.mark.parametrize("window", [1, 8, 16])
def test_starting_at_step_a_billion_is_as_much_work_as_starting_at_step_10(window):
    def work(step):
        costs = {name: Counted(10**9) for name in ("a", "b")}
        resized = Era(5, {"a": 3, "b": 1}, {"a": 100})
        course = Course((Era(0, {"a": 3, "b": 1}, {}), resized), {}, skipped=(3, 4))
        plan = Plan(costs, course, LotShape(128, 2, 4, 0.5, window), 0)
        made = sum(table.calls for table in costs.values())
        plan.step(step)
        asked = sum(table.calls for table in costs.values())
        return made, asked, sum(map(len, (plan.timeline.stretches, plan.decks["a"].segments)))

    early, late = work(10), work(10**9)
    assert early[0] == late[0] <= window * 128
    assert early[2] == late[2] == 4
    of_a_window, of_a_deal = (window > 1) * window * 128, 128
    assert max(early[1], late[1]) <= early[0] + 4 * (of_a_window + of_a_deal)
