"""What a checkpoint keeps of the plan: small, and any other past is noticed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.section import BadInput, parse
from ppt_dist.stream.era import Course, Era
from ppt_dist.stream.plan import LotShape, Plan
from ppt_dist.stream.state import PlanState, check_state, state_of
from tests.stream.plans import plans

MANIFESTS = {f"d{i}": 64 * "0" for i in range(6)}
COURSE = Course((Era(0, {"a": 2, "b": 1}, {}), Era(9, {"b": 1}, {"b": 2})), {}, skipped=(3,))


def made(course=COURSE, shape=LotShape(4, 1, 2), seed=0):  # noqa: B008
    costs = {"a": np.arange(1, 90), "b": np.arange(1, 70)}
    return Plan(costs, course, shape, seed)


@settings(max_examples=40)
@given(plans(limits=True), st.integers(0, 10**9))
def test_it_is_under_a_kilobyte_and_fits_its_own_plan_at_any_step(drawn, step):
    state = state_of(drawn.plan, step, MANIFESTS)
    text = state.model_dump_json()
    assert len(text) < 1024
    check_state(PlanState.model_validate_json(text), drawn.plan, MANIFESTS)


def test_the_lot_is_the_first_that_the_steps_before_did_not_take():
    assert [state_of(made(), step, MANIFESTS).lot for step in (0, 1, 2, 3)] == [0, 2, 5, 7]


@pytest.mark.parametrize("lot", [0, 20, 22])
def test_a_lot_that_is_not_the_steps_own_is_a_hard_error(lot):
    state = state_of(made(), 10, MANIFESTS)
    assert state.lot == 21
    with pytest.raises(BadInput, match=rf"before step 10 is not.*lot was {lot}, is 21"):
        check_state(state.model_copy(update={"lot": lot}), made(), MANIFESTS)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (made(seed=1), "seed was 0, is 1"),
        (made(shape=LotShape(5, 1, 2)), "course was"),
        (made(shape=LotShape(4, 1, 2, window=8)), "course was"),
        (made(COURSE._replace(skipped=())), "course was"),
        (made(COURSE._replace(eras=COURSE.eras[:1])), "eras was 2, is 1"),
    ],
)
def test_another_past_is_refused_and_named(other, told):
    with pytest.raises(BadInput, match=told):
        check_state(state_of(made(), 12, MANIFESTS), other, MANIFESTS)


def test_other_data_is_refused():
    with pytest.raises(BadInput, match="manifests was"):
        check_state(state_of(made(), 12, MANIFESTS), made(), MANIFESTS | {"d0": 64 * "1"})


def test_eras_and_skipped_lots_may_be_appended_where_the_run_stands():
    state = state_of(made(), 12, MANIFESTS)
    longer = COURSE._replace(
        eras=(*COURSE.eras, Era(12, {"a": 1}, {})), skipped=(3, state.lot, state.lot + 1)
    )
    check_state(state, made(longer), MANIFESTS)
    assert made(longer).timeline.lot_index(12) == state.lot + 2


def test_a_state_of_another_kind_is_refused():
    with pytest.raises(BadInput, match="unknown key 'position'"):
        parse(PlanState, state_of(made(), 1, MANIFESTS).model_dump() | {"position": 3}, "state")
