"""What a run file says of the order, and the course that it comes to."""

import pytest

from ppt_dist.section import BadInput, parse
from ppt_dist.stream.asked import Asked, EraChange, Lots, check_eras, course_of
from ppt_dist.stream.era import Era

DOMAINS = {
    "a": Asked(2, None, None, records=100, points=15_000_000),
    "b": Asked(1, 6, 2.5, records=30, points=900_000),
    "c": Asked(0, None, None, records=10, points=10_000),
}


def changes(*tables):
    return [parse(EraChange, table, "run.toml") for table in tables]


def test_eras_say_what_changes_and_keep_the_rest():
    eras = changes(
        {"step": 10, "weights": {"a": 1, "c": 3}},
        {"step": 20, "scenes": 8},
        {"step": 30, "weights": {"b": 1}, "scenes": 2},
    )
    course = course_of(DOMAINS, Lots(scenes=4), eras, 40, skipped=[7])
    assert course.eras == (
        Era(0, {"a": 2, "b": 1}, {"a": 4, "b": 6}),
        Era(10, {"a": 1, "c": 3}, {"a": 4, "c": 4}),
        Era(20, {"a": 1, "c": 3}, {"a": 8, "c": 8}),
        Era(30, {"b": 1}, {"b": 6}),
    )
    assert course.limits == {"b": 75}
    assert (course.skipped, course.steps) == ((7,), 40)


def test_weights_in_scenes_are_turned_into_lots_anew_where_lots_change():
    eras = changes({"step": 10, "scenes": 12})
    course = course_of(DOMAINS, Lots(scenes=3, unit="scenes"), eras, 40)
    assert [era.weights for era in course.eras] == [{"a": 4, "b": 1}, {"a": 1, "b": 1}]


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ([{"step": 40, "scenes": 1}], "eras.0.step is 40, but it must be above 0.*below steps, 40"),
        ([{"step": 5}, {"step": 5}], "eras.1.step is 5, but it must be above 5"),
        ([{"step": 5, "weights": {"aa": 1}}], "eras.0.weights: no domain 'aa': did you mean 'a'"),
    ],
)
def test_eras_that_cannot_be_are_refused_with_their_key(tables, told):
    with pytest.raises(BadInput, match=told):
        check_eras(changes(*tables), [*DOMAINS], 40, "run.toml")


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"scenes": 4, "window": 17}, "window: .*less than or equal to 16"),
        ({"scenes": 4, "window": 0}, "window: .*greater than or equal to 1"),
        ({"scenes": 4, "unit": "voxels"}, "'lots', 'scenes' or 'points'"),
    ],
)
def test_lots_out_of_range_are_refused(table, told):
    with pytest.raises(BadInput, match=told):
        parse(Lots, table, "run.toml")


def test_a_run_file_that_says_nothing_has_windows_of_8_and_weights_in_lots():
    assert Lots(scenes=4).shape == (4, 1, 1, 0.0, 8)
    assert Lots(scenes=4).unit == "lots"
