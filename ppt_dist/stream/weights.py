"""Weights as they are asked for, in lots, scenes or points, as whole lots of a period."""

from collections.abc import Mapping
from fractions import Fraction
from math import lcm
from typing import Literal, NamedTuple

from ppt_dist.section import BadInput

PERIOD = 1024
"""Most lots of a period: what finer shares than that are rounded to."""

Measure = Literal["lots", "scenes", "points"]


class Cut(NamedTuple):
    """What a lot of a domain holds, which turns its weight in scenes or points into lots."""

    scenes: int
    """Of a lot."""
    points: Fraction = Fraction(1)
    """Of a scene, on average over the train split."""


def whole_lots(
    weights: Mapping[str, float], unit: Measure, cuts: Mapping[str, Cut]
) -> dict[str, int]:
    """Lots of each domain in a period; a domain whose weight is 0 has none.

    Whole lots that make a period of at most `PERIOD` stay as they are. Other weights become the
    smallest whole numbers in the same proportion, and where those are too many they are rounded by
    largest remainder to a period of `PERIOD`.

    Raises:
        BadInput: there is no positive weight, or one is too small to have a lot in a period.
    """
    asked = {name: _exact(weight) for name, weight in weights.items() if weight}
    if not asked:
        raise BadInput(f"of the weights {dict(weights)} none is above 0: nothing would be trained")
    whole = all(weight.denominator == 1 for weight in asked.values())
    if unit == "lots" and whole and sum(asked.values()) <= PERIOD:
        return {name: int(weight) for name, weight in asked.items()}
    lots = {name: weight / _held(unit, cuts[name]) for name, weight in asked.items()}
    return _smallest(lots)


def shares(lots: Mapping[str, int], unit: Measure, cuts: Mapping[str, Cut]) -> dict[str, float]:
    """Each domain's part of the mixture, counted in ``unit``."""
    held = {name: count * _held(unit, cuts[name]) for name, count in lots.items()}
    total = sum(held.values())
    return {name: float(part / total) for name, part in held.items()}


def _exact(weight: float) -> Fraction:
    """The decimal number that was written, not the binary one nearest to it."""
    return Fraction(repr(weight))


def _held(unit: Measure, cut: Cut) -> Fraction:
    """How much of ``unit`` a lot holds."""
    if unit == "lots":
        return Fraction(1)
    return cut.scenes * (cut.points if unit == "points" else Fraction(1))


def _smallest(lots: Mapping[str, Fraction]) -> dict[str, int]:
    total = sum(lots.values())
    part = {name: weight / total for name, weight in lots.items()}
    period = lcm(*(share.denominator for share in part.values()))
    if period <= PERIOD:
        return {name: int(share * period) for name, share in part.items()}
    return _rounded(part)


def _rounded(part: Mapping[str, Fraction]) -> dict[str, int]:
    """Largest remainder: each gets its whole lots, the rest go to the largest fractions."""
    exact = {name: share * PERIOD for name, share in part.items()}
    lots = {name: int(share) for name, share in exact.items()}
    left = PERIOD - sum(lots.values())
    for name in sorted(exact, key=lambda name: (lots[name] - exact[name], name))[:left]:
        lots[name] += 1
    for name, count in lots.items():
        if not count:
            raise BadInput(
                f"domain {name} would be {float(part[name]):.2g} of the lots, but a period has at "
                f"most {PERIOD}, so that {1 / PERIOD:.2g} is the least: raise its weight, set it "
                "to 0, or give it smaller lots"
            )
    return lots
