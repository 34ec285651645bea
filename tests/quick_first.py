"""``-p tests.quick_first``: slow tests run after the others, and those with a Ray cluster last.

With several processes (``-n 2``), slow tests of a file stay in one, for the sake of what they
share; so do all that use the one Ray cluster.
"""

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)  # before pytest-xdist's own, which reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    items.sort(key=_cost)
    for item in items:
        if _cost(item):
            together = "ray" if "cluster" in getattr(item, "fixturenames", ()) else str(item.path)
            item.add_marker(pytest.mark.xdist_group(together))
    return (yield)


def _cost(item: pytest.Item) -> int:
    return max(n for n, mark in enumerate((None, "slow", "ranks", "ray")) if _has(item, mark))


def _has(item: pytest.Item, mark: str | None) -> bool:
    return mark is None or item.get_closest_marker(mark) is not None
