"""`Mixture`: which domain lot ``t`` is of, exactly in proportion at every prefix, in integers."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import accumulate
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
        seen = [0] * len(self.names)
        self._before: list[int] = []
        for i in self.table:
            self._before.append(seen[i])
            seen[i] += 1

    def at(self, t: int) -> Turn:
        """The turn of lot ``t``, in constant time."""
        period, slot = divmod(t, len(self.table))
        i = self.table[slot]
        return Turn(self.names[i], period * self.weights[i] + self._before[slot])

    def count(self, domain: str, t: int) -> int:
        """Lots of ``domain`` among the first ``t``."""
        i = self.names.index(domain)
        period, slot = divmod(t, len(self.table))
        return period * self.weights[i] + self.table[:slot].count(i)


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
    """Among the domains that may be served, the one whose deadline comes first; ties by order."""
    if len(weights) == 1:
        return [0] * weights[0]
    total, counts, table = sum(weights), [0] * len(weights), []
    slack = Fraction(1, 2 * len(weights) - 2)
    for t in range(total):
        owed = [Fraction(w * (t + 1), total) - c for w, c in zip(weights, counts, strict=True)]
        served = [d for d, deficit in enumerate(owed) if deficit >= slack]
        i = min(served, key=lambda d: ((1 - slack - owed[d]) * total / weights[d], d))
        counts[i] += 1
        table.append(i)
    return table


def deviation(table: Table, weights: list[int]) -> Fraction:
    """Largest distance between a count and its exact share at any prefix of the period."""
    total = sum(weights)
    counts = [list(accumulate(int(i == d) for i in table)) for d in range(len(weights))]
    return max(
        abs(Fraction(weights[d] * (t + 1), total) - counts[d][t])
        for d in range(len(weights))
        for t in range(total)
    )
