"""Coverage: what came more than once, and what never came."""

from collections import Counter
from itertools import chain

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.stream.era import steady
from ppt_dist.stream.plan import LotShape, Plan, Slot
from ppt_dist.view.coverage import Turn, coverage
from tests.stream.plans import plans


def covered(plan, turns, stop):
    names = {domain: [str(i) for i in range(len(own))] for domain, own in plan.costs.items()}
    return list(coverage(plan, names, turns, turns, stop))


@settings(deadline=None, max_examples=40)
@given(plans(), st.integers(1, 24))
def test_no_plan_shows_a_scene_twice_in_an_epoch_or_never(drawn, stop):
    plan = drawn.plan
    lots = chain.from_iterable(plan.step(step) for step in range(stop))
    turns = Counter(Turn(lot.domain, slot) for lot in lots for slot in chain(*lot.micro))
    for part in covered(plan, turns, stop):
        assert part.repeated == ()
        assert part.missed == ()
        assert part.once <= part.scenes


def test_a_scene_that_never_came_is_missed_once_its_epoch_is_over():
    plan = Plan({"a": np.ones(5, int)}, steady({"a": 1}), LotShape(2, 1, 1), 0)
    every = [Turn("a", Slot(epoch, scene)) for epoch in range(4) for scene in range(5)]
    turns = Counter(every)
    del turns[Turn("a", Slot(0, 3))]
    del turns[Turn("a", Slot(3, 1))]
    turns[Turn("a", Slot(2, 4))] += 1
    found = covered(plan, turns, 9)
    assert [part.missed for part in found] == [("3",), (), (), ()]
    assert [part.repeated for part in found] == [(), (), ("4",), ()]
    assert [part.complete for part in found] == [False, True, True, False]
