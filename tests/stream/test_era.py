"""Eras: a mixture from a step on, appended to those before; limits end a domain's part."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings

from ppt_dist.section import BadInput
from ppt_dist.stream.era import Course, Era, Timeline, steady
from tests.stream.plans import LOTS, plans

TWO = (Era(0, {"a": 2, "b": 1}, {}), Era(4, {"b": 1, "c": 3}, {}))


def test_an_era_begins_at_its_step_with_its_own_period():
    timeline = Timeline(Course(TWO, {}), scenes=3, a_step=2)
    domains = [timeline.at(t).domain for t in range(16)]
    assert domains == [*"abaabaab", *"ccbcccbc"]
    assert [timeline.at(t).occurrence for t in (8, 10)] == [0, timeline.count("b", 8)]


@settings(max_examples=60)
@given(plans())
def test_in_every_era_each_domain_is_within_a_lot_of_its_share_at_every_prefix(drawn):
    timeline = Timeline(drawn.course, drawn.shape.scenes, drawn.shape.a_step)
    for t in range(LOTS):
        stretch = timeline.stretch(t)
        total = sum(stretch.mixture.weights)
        for name, weight in zip(stretch.mixture.names, stretch.mixture.weights, strict=True):
            own = stretch.lots_before(name, t + 1) - stretch.lots.get(name, 0)
            assert abs(own - Fraction(weight * (t + 1 - stretch.lot), total)) < 1


@settings(max_examples=60)
@given(plans(limits=True))
def test_lots_are_counted_and_found_again_through_eras_and_skipped_lots(drawn):
    timeline = Timeline(drawn.course, drawn.shape.scenes, drawn.shape.a_step)
    seen, drawn_scenes = Counter(), Counter()
    for t in range(LOTS):
        stretch = timeline.stretch(t)
        for name in timeline.domains:
            assert timeline.count(name, t) == seen[name]
            assert stretch.scenes_before(name, t) == drawn_scenes[name]
        domain, n = timeline.at(t)
        assert n == seen[domain]
        assert timeline.lot_of(domain, n) == t
        seen[domain] += 1
        drawn_scenes[domain] += stretch.scenes[domain]


@settings(max_examples=60)
@given(plans())
def test_an_era_that_is_appended_moves_nothing_before_it(drawn):
    timeline = Timeline(drawn.course, drawn.shape.scenes, drawn.shape.a_step)
    last = drawn.course.eras[-1].step
    later = Era(last + 3, {"new": 1}, {})
    longer = drawn.course._replace(eras=(*drawn.course.eras, later))
    appended = Timeline(longer, drawn.shape.scenes, drawn.shape.a_step)
    first = appended.first_lot(later.step)
    assert [appended.at(t) for t in range(first)] == [timeline.at(t) for t in range(first)]
    assert appended.at(first).domain == "new"


@settings(max_examples=60)
@given(plans(limits=True))
def test_a_domain_leaves_before_the_first_step_that_would_exceed_its_limit(drawn):
    timeline = Timeline(drawn.course, drawn.shape.scenes, drawn.shape.a_step)
    end = timeline.first_lot(16)
    for name, most in drawn.course.limits.items():
        assert timeline.stretch(end).scenes_before(name, end) <= most
    asked = {era.step for era in drawn.course.eras}
    for before, stretch in pairwise(timeline.stretches):
        if stretch.step not in asked:
            after = timeline.first_lot(stretch.step + 1)
            gone = {*before.scenes} - {*stretch.scenes}
            assert any(before.scenes_before(d, after) > drawn.course.limits[d] for d in gone)


def test_a_limit_ends_a_domains_part_at_the_step_and_others_go_on():
    course = Course((Era(0, {"a": 1, "b": 1}, {}),), limits={"b": 10}, steps=100)
    timeline = Timeline(course, scenes=3, a_step=1)
    assert timeline.count("b", timeline.first_lot(100)) == 3
    first, second = timeline.stretches
    assert first.mixture.names == ["a", "b"]
    assert second.mixture.names == ["a"]
    assert timeline.at(second.step).domain == "a"
    assert Timeline(course, 3, 1).at(second.step - 1).domain == "a"


def test_a_run_that_uses_up_all_domains_before_its_last_step_is_refused_with_figures():
    course = Course((Era(0, {"a": 1, "b": 1}, {}),), limits={"a": 9, "b": 30}, steps=100)
    with pytest.raises(BadInput, match=r"at step 13 of 100.*a \(9 scenes of at most 9\), b \(30"):
        Timeline(course, scenes=3, a_step=1)
    Timeline(course._replace(steps=13), scenes=3, a_step=1)


@pytest.mark.parametrize(
    ("course", "told"),
    [
        (Course((Era(2, {"a": 1}, {}),), {}), r"\[2\]: the first must begin at 0"),
        (Course((Era(0, {"a": 1}, {}), Era(0, {"a": 2}, {})), {}), r"\[0, 0\]"),
        (Course((Era(0, {"a": 1}, {}), Era(3, {"a": 0}, {})), {}), "the era of step 3 has no"),
        (Course((Era(0, {"a": 1}, {}),), {}, skipped=(4, 4)), r"\(4, 4\) are not in rising order"),
    ],
)
def test_eras_and_skipped_lots_out_of_order_are_refused(course, told):
    with pytest.raises(BadInput, match=told):
        Timeline(course, scenes=1, a_step=1)


def test_one_mixture_for_ever_is_one_era():
    timeline = Timeline(steady({"a": 2, "b": 1}), scenes=5, a_step=1)
    assert [timeline.at(t).domain for t in range(6)] == [*"abaaba"]
    assert timeline.lot_of("b", 10**9) == 3 * 10**9 + 1
    assert timeline.lot_of("c", 0) is None
