"""`PlanState`: what a checkpoint keeps of the plan, so that a resume notices another order."""

import hashlib
import json
from collections.abc import Mapping

from ppt_dist.section import BadInput, Section
from ppt_dist.stream.plan import Plan

ORDER = 1
"""Version of the data order that this package makes."""


class PlanState(Section):
    """A few hundred bytes, however long the run and however large the data.

    It speaks of what was trained alone: eras that begin later, and lots that are skipped later, may
    be appended before the run goes on.
    """

    order: int
    """Version of the data order."""
    seed: int
    manifests: str
    """Digest over those of all domains."""
    course: str
    """Digest over the shape of lots, the eras that began, and the lots that were skipped."""
    eras: int
    """How many began."""
    step: int
    """Updates taken."""
    lot: int
    """The first that they neither took nor skipped."""


def state_of(plan: Plan, step: int, manifests: Mapping[str, str]) -> PlanState:
    """The state of a run before step ``step``.

    Args:
        plan: of the run.
        step: updates that have been taken.
        manifests: digest of each domain's manifest.
    """
    timeline = plan.timeline
    lot = timeline.first_lot(step)
    begun = [stretch for stretch in timeline.stretches if stretch.step < step]
    course = {
        "shape": plan.shape._asdict(),
        "eras": [
            [s.step, dict(zip(s.mixture.names, s.mixture.weights, strict=True)), dict(s.scenes)]
            for s in begun
        ],
        "skipped": [t for t in timeline.course.skipped if t < lot],
    }
    return PlanState(
        order=ORDER,
        seed=plan.seed,
        manifests=_digest(dict(manifests)),
        course=_digest(course),
        eras=len(begun),
        step=step,
        lot=lot,
    )


def check_state(found: PlanState, plan: Plan, manifests: Mapping[str, str]) -> None:
    """Refuse to continue where the plan would not have brought the run to where it is.

    Raises:
        BadInput: names each figure with what was kept and what the plan says.
    """
    ours = state_of(plan, found.step, manifests).model_dump()
    kept = found.model_dump()
    different = [f"{key} was {kept[key]}, is {ours[key]}" for key in ours if kept[key] != ours[key]]
    if different:
        raise BadInput(
            f"the order of the data before step {found.step:,} is not the one that was trained on: "
            f"{'; '.join(different)}. Restore the run file, the ledger and the packed data (lots, "
            "eras and skipped lots of the past may not change), or give the run another name"
        )


def _digest(table: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()
