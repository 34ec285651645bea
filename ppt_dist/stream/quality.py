"""How good an order is: how random, how alike the scenes of a lot, how evenly ranks are loaded."""

from collections.abc import Callable, Sequence
from math import isqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from ppt_dist.stream.plan import Plan, deal
from ppt_dist.stream.window import Costs, Deck

SAMPLE = 1 << 16
"""Positions of a domain that are looked at, over so many epochs as that takes, at most `EPOCHS`."""
EPOCHS = 32

FEWEST = 20
"""Scenes for a table of 2 by 2 with five in each cell."""


class Shuffle(NamedTuple):
    """How random the order of a domain is. Each of the first two is 1 where it is perfect."""

    chi_square: float | None
    """By degree of freedom, of a table of positions by values in 16 bins each; fewer bins where
    scenes are few, and None where they are too few for two."""
    neighbours: float | None
    """How often scenes that follow each other are within 1 % of the domain, beside how often they
    would be at random; None for fewer than three scenes."""


def shuffle_quality(deck: Deck) -> Shuffle:
    """Of a domain's first epochs."""
    n = deck.scenes
    epochs = range(min(max(SAMPLE // n, 1), EPOCHS))
    taken = np.arange(min(n, SAMPLE), dtype=np.int64)
    spaced = taken * n // len(taken)
    chi = [chi_square(spaced, deck.permutation(e).many(spaced), n) for e in epochs if n >= FEWEST]
    near = [neighbours(deck.permutation(e).many(taken), n) for e in epochs if n > 2]
    return Shuffle(float(np.mean(chi)) if chi else None, float(np.mean(near)) if near else None)


def chi_square(
    positions: Int64[np.ndarray, " taken"], values: Int64[np.ndarray, " taken"], n: int
) -> float:
    """Of a table of positions by values, by degree of freedom: 1 where it is random."""
    bins = min(16, isqrt(len(positions) // 5))
    table = np.zeros((bins, bins))
    np.add.at(table, (positions * bins // n, values * bins // n), 1)
    size = np.array([-(-n * (b + 1) // bins) + (-n * b // bins) for b in range(bins)]) / n
    expected = len(positions) * np.outer(size, size)
    return float(((table - expected) ** 2 / expected).sum() / (bins - 1) ** 2)


def neighbours(values: Int64[np.ndarray, " taken"], n: int) -> float:
    """How often consecutive values are within 1 % of ``n``, by how often they would at random."""
    near = max(n // 100, 1)
    pairs = near * n - near * (near + 1) // 2
    expected = 2 * pairs / (n * (n - 1))
    return float((np.abs(np.diff(values)) <= near).mean() / expected)


def alike(deck: Deck, costs: Costs, windows: int) -> float:
    """Part of the variance of cost that lies between lots: 0 is as drawn, 1 all of a lot alike.

    Of the first ``windows`` windows; the intraclass correlation, so that chance gives 0.
    """
    starts = range(0, windows * deck.window, deck.window)
    table = np.concatenate([_costs_of_window(deck, n, costs) for n in starts])
    if table.shape[1] < 2 or not table.var():
        return 0.0
    return float(1 - table.var(axis=1, ddof=1).mean() / table.var(ddof=1))


def _costs_of_window(deck: Deck, n: int, costs: Costs) -> Float64[np.ndarray, "lots scenes"]:
    place = deck.place(n)
    scenes = deck.slots(deck.dealt(place))[deck.groups(place, costs), 1]
    return np.array([[float(costs[s]) for s in lot] for lot in scenes.tolist()])


class Evenness(NamedTuple):
    """Cost of micro-lots: on average over ranks, and of the rank that all wait for."""

    mean: float = 0.0
    most: float = 0.0

    @property
    def efficiency(self) -> float:
        """Part of the ranks' time that is work, where time is cost."""
        return self.mean / self.most if self.most else 1.0


def loads(
    plan: Plan, lots: Sequence[int], ranks: int, advance: Callable[[int], object]
) -> dict[str, Evenness]:
    """Evenness by domain, over a sample of lots; ``advance`` is told how many are done."""
    found: dict[str, Evenness] = {}
    for done, t in enumerate(lots, 1):
        lot = plan.lot(t)
        costs = plan.costs[lot.domain]
        for micro in deal(lot, costs, ranks):
            own = [sum(int(costs[s.scene]) for unit in units for s in unit) for units in micro]
            before = found.get(lot.domain, Evenness())
            found[lot.domain] = Evenness(before.mean + sum(own) / ranks, before.most + max(own))
        advance(done)
    return found
