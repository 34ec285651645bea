"""Measures nothing itself: whether two ways to draw scenes have the same distribution."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import ks_2samp

SURELY_OTHER = 1e-5
"""Probability of so large a difference, were both the same, below which they are held not to be."""
ROUNDING = 2e-3
"""Difference of a figure, as a share of it, that is put down to rounding, as of cells' faces."""
NOTHING = 1e-5
"""Difference that is too small to be looked at, metres or levels."""


class Cloud(NamedTuple):
    """Points as either way has them; what is absent has no columns."""

    coord: np.ndarray
    color: np.ndarray
    normal: np.ndarray
    segment: np.ndarray


def refuse_others(
    title: str,
    one: Callable[[int], Cloud],
    other: Callable[[int], Cloud],
    before: Cloud | None,
    draws: int,
) -> None:
    """Draw by both ways and compare the distributions of some figures of a cloud.

    Where ``before`` is given, points that are as many as there are those of it in its order.

    Raises:
        ValueError: a figure is not distributed alike; names it.
    """
    figures = [[_figures(way(i), before) for i in range(draws)] for way in (one, other)]
    for name in figures[0][0]:
        a, b = (np.sort([drawn[name] for drawn in each]) for each in figures)
        same = np.abs(a - b).max() <= ROUNDING * np.abs(a).max() + NOTHING
        test: Any = ks_2samp(a, b, method="asymp")
        if not same and test.pvalue < SURELY_OTHER:
            raise ValueError(
                f"{title}: {name} is not distributed alike: quartiles "
                f"{_quartiles(a)} and {_quartiles(b)}"
            )


def _figures(cloud: Cloud, before: Cloud | None) -> dict[str, float]:
    """Of all points together; and of their ways from before, where none was left out."""
    figures = {"points": float(len(cloud.coord)), "label": float(cloud.segment.mean())}
    middle = cloud.coord - cloud.coord.mean(axis=0)
    if cloud.normal.size:
        figures["normals to places"] = float((cloud.normal * middle).sum(axis=1).mean())
        figures["steep normals"] = float(np.abs(cloud.normal[:, 2]).mean())
    figures |= _spreads("place", cloud.coord) | _spreads("colour", cloud.color)
    if before is not None and len(cloud.coord) == len(before.coord):
        figures |= _spreads("move", cloud.coord - before.coord)
        figures |= _spreads("change of colour", cloud.color.astype(float) - before.color)
    return figures


def _spreads(name: str, rows: np.ndarray) -> dict[str, float]:
    """Of each column."""
    return {
        f"{name} {k}, {what}": float(of(rows[:, k].astype(float)))
        for k in range(rows.shape[1])
        for what, of in (("mean", np.mean), ("std", np.std), ("low", np.min), ("high", np.max))
    }


def _quartiles(ascending: np.ndarray) -> str:
    return "/".join(f"{q:.4g}" for q in np.quantile(ascending, (0.25, 0.5, 0.75)))
