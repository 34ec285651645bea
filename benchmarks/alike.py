"""Measures nothing itself: whether two ways to draw scenes have the same distribution."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import ks_2samp

SURELY_OTHER = 1e-5
"""Probability of so large a difference, were both the same, below which they are held not to be."""
ROUNDING = 2e-3
"""Difference of a figure, as a share of it plus one, that is put down to rounding."""


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
    before: Cloud,
    draws: int,
) -> None:
    """Draw by both ways and compare the distributions of some figures of a cloud.

    Raises:
        ValueError: a figure is not distributed alike; names it.
    """
    figures = [[_figures(way(i), before) for i in range(draws)] for way in (one, other)]
    for name in figures[0][0]:
        a, b = (np.sort([drawn[name] for drawn in each]) for each in figures)
        same = np.abs(a - b).max() <= ROUNDING * (1 + np.abs(a).max())
        if not same and ks_2samp(a, b).pvalue < SURELY_OTHER:
            raise ValueError(
                f"{title}: {name} is not distributed alike: quartiles "
                f"{_quartiles(a)} and {_quartiles(b)}"
            )


def _figures(cloud: Cloud, before: Cloud) -> dict[str, float]:
    """Of all points together; and of their ways from before, where none was left out."""
    figures = {"points": float(len(cloud.coord)), "label": float(cloud.segment.mean())}
    middle = cloud.coord - cloud.coord.mean(axis=0)
    if cloud.normal.size:
        figures["normals to places"] = float((cloud.normal * middle).sum(axis=1).mean())
        figures["steep normals"] = float(np.abs(cloud.normal[:, 2]).mean())
    for name, rows, old in (
        ("place", cloud.coord, before.coord),
        ("colour", cloud.color, before.color),
    ):
        for k in range(rows.shape[1]):
            column = rows[:, k].astype(float)
            figures |= _spread(f"{name} {k}", column)
            if len(rows) == len(old):
                figures |= _spread(f"move of {name} {k}", column - old[:, k])
    return figures


def _spread(name: str, column: np.ndarray) -> dict[str, float]:
    return {
        f"{name}, {what}": float(of(column))
        for what, of in (("mean", np.mean), ("std", np.std), ("low", np.min), ("high", np.max))
    }


def _quartiles(ascending: np.ndarray) -> str:
    return "/".join(f"{q:.4g}" for q in np.quantile(ascending, (0.25, 0.5, 0.75)))
