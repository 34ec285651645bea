"""The horizon: when a scene is needed next, read backwards from the plan."""

import pickle
from itertools import chain

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.stream.era import Course, Era, steady
from ppt_dist.stream.horizon import NEVER, horizon_of
from ppt_dist.stream.plan import LotShape, Plan
from tests.stream.plans import LOTS, plans


def uses(plan, lots):
    """By domain and scene, the lots that hold it."""
    found = {}
    for t in range(lots):
        lot = plan.lot(t)
        for slot in chain(*lot.micro):
            found.setdefault((lot.domain, slot.scene), []).append(t)
    return found


@settings(max_examples=40)
@given(plans(limits=True), st.data())
def test_it_never_tells_a_later_lot_than_the_true_one(drawn, data):
    plan = drawn.plan
    known, horizon = uses(plan, LOTS), horizon_of(plan)
    for domain, scene in known:
        now = data.draw(st.integers(0, LOTS - 1))
        told = horizon.next_use(domain, scene, now)
        true = [t for t in known[domain, scene] if t >= now]
        assert now <= told <= min(true, default=told)


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 5), st.sampled_from([1, 4, 8]), st.integers(0, 200))
def test_it_is_early_by_less_than_a_window(scenes, lot, window, now):
    plan = Plan(
        {"a": np.arange(1, scenes + 1)}, steady({"a": 1}), LotShape(lot, 1, 1, 0.0, window), 0
    )
    known, horizon = uses(plan, now + 3 * scenes + 2 * window), horizon_of(plan)
    for scene in range(scenes):
        told = horizon.next_use("a", scene, now)
        true = min(t for t in known["a", scene] if t >= now)
        within = [t for t in known["a", scene] if told // window == t // window]
        assert within or told == now  # its window has the scene, before now or after
        assert told <= true
        if window == 1:
            assert told == true


def test_a_domain_that_is_dropped_or_unknown_is_never_used_again():
    costs = {"a": np.ones(10, np.int64), "b": np.ones(10, np.int64)}
    eras = (Era(0, {"a": 1, "b": 1}, {}), Era(5, {"b": 1}, {}), Era(50, {"a": 1}, {}))
    plan = Plan(costs, Course(eras, {}), LotShape(1, 1, 1), 0)
    assert {horizon_of(plan).next_use("c", i, 0) for i in range(10)} == {NEVER}
    assert min(horizon_of(plan).next_use("a", i, 5) for i in range(10)) == 50
    assert {horizon_of(plan).next_use("b", i, 50) for i in range(10)} == {NEVER}


def test_it_is_small_to_send_and_the_same_when_it_arrives():
    costs = {"a": np.arange(1, 100_001), "b": np.arange(1, 50_001)}
    plan = Plan(costs, steady({"a": 3, "b": 1}), LotShape(24, 1, 1, 0.0, 8), 0)
    sent = pickle.dumps(horizon_of(plan))
    assert len(sent) < 4000
    arrived = pickle.loads(sent)
    now = 10**9
    some = range(0, 50_000, 997)
    assert [arrived.next_use("a", i, now) for i in some] == [
        horizon_of(plan).next_use("a", i, now) for i in some
    ]
