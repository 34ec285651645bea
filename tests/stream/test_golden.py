"""Order 1 is what it was on its first day, on every machine and library."""

import json

import pytest

from tests.stream.golden import GOLDEN, vectors


@pytest.mark.parametrize(("part", "rows"), [("scenes", 1000), ("lots", 48)])
def test_scenes_and_lots_of_many_eras_are_those_of_the_first_day(part, rows):
    pinned = json.loads(GOLDEN.read_text())[part]
    assert len(pinned) == rows
    assert vectors()[part] == pinned
