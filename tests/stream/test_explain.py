"""What is told of a whole run is what walking over its steps counts."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.stream.explain import Bulk, Scope, demand, efficiency
from ppt_dist.stream.plan import assign
from tests.stream.plans import plans


@settings(max_examples=30)
@given(plans(limits=True), st.integers(1, 10))
def test_lots_and_scenes_are_those_of_the_steps_without_skipped_lots(drawn, steps):
    scope = Scope(drawn.plan, steps, ranks=(1,))
    lots, draws = Counter(), Counter()
    for step in range(steps):
        for lot in drawn.plan.step(step):
            lots[lot.domain] += 1
            draws[lot.domain] += sum(map(len, lot.micro))
    assert Counter(scope.lots()) == lots
    assert Counter(scope.draws()) == draws
    packed = {
        name: Bulk(np.full(len(cost), 10), 100 * len(cost)) for name, cost in drawn.costs.items()
    }
    assert demand(scope, packed, 2, 0.5)["a_step"] == pytest.approx(100 * draws.total() / steps)


@settings(max_examples=20)
@given(plans(), st.integers(1, 4))
def test_efficiency_is_mean_by_most_loaded_over_the_micro_lots_of_the_steps(drawn, ranks):
    scope = Scope(drawn.plan, 6, ranks=(1, ranks))
    mean = most = 0
    for step in scope.sample:
        for lot in drawn.plan.step(step):
            costs = drawn.costs[lot.domain]
            for micro in assign(lot, costs, ranks):
                loads = [sum(costs[slot.scene] for slot in own) for own in micro]
                mean, most = mean + sum(loads) / ranks, most + max(loads)
    told = []
    found = efficiency(scope, lambda done, of: told.append((done, of)))
    assert np.isclose(found["1"]["all"], 1.0)
    assert np.isclose(found[str(ranks)]["all"], mean / most)
    assert told[-1][0] == told[-1][1] == 2 * 6 * drawn.shape.a_step
