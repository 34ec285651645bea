"""What a run file says of the order of the data, and the `Course` that it comes to."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, PlainSerializer, PositiveInt

from ppt_dist.section import BadInput, Section, nearest
from ppt_dist.stream.era import Course, Era
from ppt_dist.stream.plan import LotShape
from ppt_dist.stream.weights import Cut, Measure, whole_lots


def _whole(weight: float) -> float:
    """Whole numbers as such, so that they are printed as they were written."""
    return int(weight) if weight == int(weight) else weight


Weight = Annotated[
    float,
    Field(ge=0, allow_inf_nan=False),
    AfterValidator(_whole),
    PlainSerializer(_whole, return_type=int | float),
]
"""How much of a domain, beside the others' weights; 0 is none."""


class Lots(Section):
    """Sizes that make the order of the data."""

    scenes: PositiveInt
    """Scenes of a lot, on all ranks together."""
    micro: PositiveInt = 1
    """Micro-lots that a lot is cut into: norm statistics are those of one over all ranks."""
    a_step: PositiveInt = 1
    """Lots of an optimiser step."""
    mix: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Part of the micro-lots whose scenes are mixed in pairs (Mix3D); a pair stays on one rank."""
    window: Annotated[int, Field(ge=1, le=16)] = 8
    """Lots of a domain among which scenes are regrouped by cost, so that ranks wait less for each
    other; 1 regroups none. A lot's scenes are then alike in size, so more than 16 is refused."""
    unit: Measure = "lots"
    """What weights count: lots, scenes, or points (of the train split, on average)."""

    @property
    def shape(self) -> LotShape:
        """As the plan takes it."""
        return LotShape(self.scenes, self.micro, self.a_step, self.mix, self.window)


class EraChange(Section):
    """What changes from a step on; what it leaves out stays as it was."""

    step: PositiveInt
    """The first of the era."""
    weights: Annotated[dict[str, Weight], Field(min_length=1)] | None = None
    """Of all domains that take part from here; one that is left out, or has 0, is dropped."""
    scenes: PositiveInt | None = None
    """Scenes of a lot, of each domain that has no size of its own."""


def check_eras(
    eras: Sequence[EraChange], domains: list[str], steps: int, source: Path | str
) -> None:
    """Refuse eras out of order, after the last step, or of domains that are not there.

    Raises:
        BadInput: names ``source``, the era and the key.
    """
    last = 0
    for i, era in enumerate(eras):
        if not last < era.step < steps:
            raise BadInput(
                f"{source}: eras.{i}.step is {era.step}, but it must be above {last}, where the "
                f"era before begins, and below steps, {steps}"
            )
        for name in era.weights or ():
            if name not in domains:
                raise BadInput(
                    f"{source}: eras.{i}.weights: no domain {name!r}: {nearest(name, domains)}"
                )
        last = era.step


class Asked(NamedTuple):
    """A domain's place in the order."""

    weight: float
    scenes: int | None
    """Of a lot, where it has a size of its own."""
    max_epochs: float | None
    """Most passes over it."""
    records: int
    """Scenes to train on."""
    points: int
    """Of all of those."""

    def cut(self, lots: int) -> Cut:
        """What a lot of it holds, where other lots have so many scenes."""
        return Cut(self.scenes or lots, Fraction(max(self.points, 1), max(self.records, 1)))


class FullEra(NamedTuple):
    """An era with everything said: its own changes, and what stayed."""

    step: int
    weights: Mapping[str, float]
    scenes: int

    def cuts(self, asked: Mapping[str, Asked]) -> dict[str, Cut]:
        """What a lot of each domain holds."""
        return {name: one.cut(self.scenes) for name, one in asked.items()}


def full_eras(asked: Mapping[str, Asked], lots: Lots, eras: Sequence[EraChange]) -> list[FullEra]:
    """Every era in full, the first from step 0."""
    found = [FullEra(0, {name: one.weight for name, one in asked.items()}, lots.scenes)]
    for era in eras:
        last = found[-1]
        weights = last.weights if era.weights is None else era.weights
        found.append(FullEra(era.step, weights, era.scenes or last.scenes))
    return found


def course_of(
    asked: Mapping[str, Asked],
    lots: Lots,
    eras: Sequence[EraChange],
    steps: int,
    skipped: Sequence[int] = (),
) -> Course:
    """The course of a run.

    Args:
        asked: of its domains.
        lots: their sizes, and what weights count.
        eras: in rising order of their steps.
        steps: of the run.
        skipped: lots that no step takes.

    Raises:
        BadInput: a weight is too small for a lot in a period.
    """
    made = []
    for era in full_eras(asked, lots, eras):
        cuts = era.cuts(asked)
        weights = whole_lots(era.weights, lots.unit, cuts)
        made.append(Era(era.step, weights, {name: cuts[name].scenes for name in weights}))
    limits = {
        name: floor(Fraction(repr(one.max_epochs)) * one.records)
        for name, one in asked.items()
        if one.max_epochs is not None
    }
    return Course(tuple(made), limits, tuple(skipped), steps)
