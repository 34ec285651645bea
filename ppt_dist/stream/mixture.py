"""`Mixture`: which domain lot ``t`` is of, exactly in proportion at every prefix, in integers."""

from bisect import bisect_left
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

Table = list[int]
"""Index of the domain in each slot of a period."""


class Turn(NamedTuple):
    """The domain of a lot, and how many lots of it came before."""

    domain: str
    occurrence: int


class Mixture:
    """A period of ``sum(weights)`` lots, repeated.

    Of two tables the one that strays less is taken: largest deficit, which is usually better, or
    Tijdeman's (The chairman assignment problem, 1980), which never strays by 1.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        self.names = sorted(weights)
        self.weights = [weights[name] for name in self.names]
        tables = (largest_deficit(self.weights), tijdeman(self.weights))
        self.table = min(tables, key=lambda table: deviation(table, self.weights))
        self._slots: dict[str, list[int]] = {name: [] for name in self.names}
        self._before: list[int] = []
        for slot, i in enumerate(self.table):
            own = self._slots[self.names[i]]
            self._before.append(len(own))
            own.append(slot)

    def at(self, t: int) -> Turn:
        """The turn of lot ``t``, in constant time."""
        period, slot = divmod(t, len(self.table))
        i = self.table[slot]
        return Turn(self.names[i], period * self.weights[i] + self._before[slot])

    def count(self, domain: str, t: int) -> int:
        """Lots of ``domain`` among the first ``t``."""
        period, slot = divmod(t, len(self.table))
        own = self._slots[domain]
        return period * len(own) + bisect_left(own, slot)

    def lot_of(self, domain: str, occurrence: int) -> int:
        """The lot that has ``occurrence`` lots of ``domain`` before it: the inverse of `at`."""
        own = self._slots[domain]
        period, i = divmod(occurrence, len(own))
        return period * len(self.table) + own[i]


def largest_deficit(weights: list[int]) -> Table:
    """Each slot goes to the domain that is furthest behind; ties by weight, then name."""
    total, counts, table = sum(weights), [0] * len(weights), []
    for t in range(total):
        i = max(
            range(len(weights)),
            key=lambda d: (weights[d] * (t + 1) - counts[d] * total, weights[d], -d),
        )
        counts[i] += 1
        table.append(i)
    return table


def tijdeman(weights: list[int]) -> Table:
    """Among the domains that may be served, the one whose deadline comes first; ties by order.

    A domain may be served once it is owed ``1 / (2 D - 2)`` of a lot; in integers throughout.
    """
    if len(weights) == 1:
        return [0] * weights[0]
    total, counts, table, unit = sum(weights), [0] * len(weights), [], 2 * len(weights) - 2
    for t in range(total):
        owed = [unit * (w * (t + 1) - c * total) for w, c in zip(weights, counts, strict=True)]
        served = [d for d, deficit in enumerate(owed) if deficit >= total]
        i = min(served, key=lambda d: (Fraction((unit - 1) * total - owed[d], weights[d]), d))
        counts[i] += 1
        table.append(i)
    return table


def deviation(table: Table, weights: list[int]) -> Fraction:
    """Largest distance between a count and its exact share at any prefix of the period."""
    total, worst, counts = sum(weights), 0, [0] * len(weights)
    for t, i in enumerate(table, 1):
        counts[i] += 1
        worst = max(worst, *(abs(w * t - c * total) for w, c in zip(weights, counts, strict=True)))
    return Fraction(worst, total)
