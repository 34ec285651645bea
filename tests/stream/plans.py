"""Plans of every kind, drawn small: eras, lot sizes, windows, skipped lots, limits of epochs."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from ppt_dist.stream.era import Course, Era
from ppt_dist.stream.plan import LotShape, Plan

LOTS = 48
"""That are looked at of a drawn plan; its eras begin within them."""


class Drawn(NamedTuple):
    """What a plan is made of."""

    costs: dict[str, np.ndarray]
    course: Course
    shape: LotShape
    seed: int

    @property
    def plan(self):
        return Plan(*self)


def costs(least=1, most=12):
    """Of one to three domains, some smaller than a lot."""
    one = st.lists(st.integers(1, 1000), min_size=least, max_size=most).map(np.array)
    return st.integers(1, 3).flatmap(
        lambda n: st.fixed_dictionaries({f"d{i}": one for i in range(n)})
    )


@st.composite
def eras(draw, domains):
    """One to three, which add and drop domains, weigh them anew and change lot sizes."""
    starts = [0, *draw(st.lists(st.integers(1, 15), max_size=2, unique=True).map(sorted))]
    weight, size = st.integers(0, 4), st.integers(1, 7)
    made = []
    for step in starts:
        weights = {d: draw(weight) for d in domains}
        if not any(weights.values()):
            weights[draw(st.sampled_from(domains))] = 1
        made.append(Era(step, weights, draw(st.dictionaries(st.sampled_from(domains), size))))
    return tuple(made)


@st.composite
def plans(draw, limits=False):
    """What plans are made of; with ``limits`` every domain but the first may be used up."""
    table = draw(costs())
    domains = sorted(table)
    drawn = draw(eras(domains))
    most = {}
    if limits:
        drawn = tuple(era._replace(weights={**era.weights, domains[0]: 1}) for era in drawn)
        most = draw(st.dictionaries(st.sampled_from(domains), st.integers(0, 40)))
        most.pop(domains[0], None)
    skipped = draw(st.lists(st.integers(0, LOTS), max_size=4, unique=True).map(sorted))
    scenes = draw(st.integers(1, 9))
    smallest = min([scenes, *(size for era in drawn for size in era.scenes.values())])
    micro, a_step = draw(st.integers(1, smallest)), draw(st.integers(1, 3))
    mix, window = draw(st.sampled_from([0.0, 0.5, 1.0])), draw(st.sampled_from([1, 2, 3, 8, 16]))
    shape = LotShape(scenes, micro, a_step, mix, window)
    return Drawn(table, Course(drawn, most, tuple(skipped)), shape, draw(st.integers(0, 9)))
