"""``-p tests.quick_first``: slow tests run after the others, and those with a Ray cluster last."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_cost)


def _cost(item: pytest.Item) -> int:
    return max(n for n, mark in enumerate((None, "slow", "ranks", "ray")) if _has(item, mark))


def _has(item: pytest.Item, mark: str | None) -> bool:
    return mark is None or item.get_closest_marker(mark) is not None
