"""Tables of TOML: strict, and errors that help."""

from typing import Annotated, Literal

import pytest
from pydantic import Field, PositiveInt, ValidationError

from ppt_dist.section import BadInput, ByKind, Section, nearest, parse, read_toml


class Round(Section):
    kind: Literal["round"] = "round"
    radius: float


class Square(Section):
    kind: Literal["square"] = "square"
    edge: float


class Bare(Section):
    """Without a discriminator of its own."""

    shape: Annotated[Round | Square, ByKind()]
    sole: Annotated[Square, ByKind()] = Square(edge=1.0)


class Plan(Section):
    count: PositiveInt = 1
    shape: Annotated[Round | Square, Field(discriminator="kind")]
    parts: dict[str, Round] = {}  # noqa: RUF012 - pydantic copies it


SQUARE = {"kind": "square", "edge": 2.0}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"shape": SQUARE, "cuont": 1}, "unknown key 'cuont': did you mean 'count'"),
        ({"shape": SQUARE | {"egde": 1}}, "did you mean 'edge'"),
        ({"shape": SQUARE, "parts": {"a": {"radius": 1.0, "raduis": 1}}}, "did you mean 'radius'"),
        ({}, "missing key 'shape'"),
        ({"shape": SQUARE, "count": "4"}, "count: .*given \"4\""),
        ({"shape": SQUARE, "count": 1.5}, "count: .*given 1.5"),
        ({"shape": SQUARE, "count": 0}, "count: .*given 0"),
        ({"shape": SQUARE, "count": True}, "count: .*given true"),
        ({"shape": {"kind": "oval"}}, "'round', 'square'"),
        ([], "given"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_refused_with_its_source_key_and_what_was_given(table, told):
    with pytest.raises(BadInput, match=f"(?s)plan.toml:.*{told}"):
        parse(Plan, table, "plan.toml")


def test_without_a_kind_the_first_of_a_union_is_meant_and_a_union_of_one_is_one():
    bare = parse(Bare, {"shape": {"radius": 2.0}, "sole": {"kind": "square", "edge": 3.0}}, "x")
    assert bare == Bare(shape=Round(radius=2.0), sole=Square(edge=3.0))
    assert parse(Bare, {"shape": SQUARE}, "x").shape == Square(edge=2.0)
    assert parse(Bare, bare.model_dump(mode="json"), "x") == bare


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"shape": {"kind": "oval"}}, "shape: .*'oval'.*'round', 'square'"),
        ({"shape": {"raduis": 2.0}}, "did you mean 'radius'"),
        ({"shape": SQUARE | {"egde": 2.0}}, "did you mean 'edge'"),
        ({"shape": SQUARE, "sole": {"kind": "round"}}, "sole: .*'round'.*'square'"),
        ({"shape": {"kind": 3}}, "shape: "),
        ({"shape": 3}, "shape: "),
    ],
)
def test_a_wrong_member_of_a_union_is_answered_with_the_right_ones(table, told):
    with pytest.raises(BadInput, match=f"(?s)plan.toml:.*{told}"):
        parse(Bare, table, "plan.toml")


def test_all_mistakes_are_told_at_once():
    with pytest.raises(BadInput) as refused:
        parse(Plan, {"shape": SQUARE, "count": 0, "cuont": 1}, "plan.toml")
    assert len(str(refused.value).splitlines()) == 3


def test_a_section_cannot_be_changed():
    plan = parse(Plan, {"shape": SQUARE}, "plan.toml")
    with pytest.raises(ValidationError, match="frozen"):
        plan.count = 2


@pytest.mark.parametrize("content", [b"a = [", b"\xff\xfe", b"\x80\x04\x95pickle"])
def test_a_file_that_is_not_toml_is_refused_by_its_name(tmp_path, content):
    path = tmp_path / "plan.toml"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"plan\.toml: not a TOML file"):
        read_toml(Plan, path)


def test_an_absent_file_is_refused_by_its_name(tmp_path):
    with pytest.raises(BadInput, match=r"plan\.toml: no such file"):
        read_toml(Plan, tmp_path / "plan.toml")


def test_the_nearest_of_no_words_says_that_there_are_none():
    assert nearest("a", []) == "known: none"
