"""`Saver`: an engine's state to the checkpoint store and back; rank 0 writes, all ranks agree."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ppt_dist.journal.journal import Journal
from ppt_dist.run import RunConfig
from ppt_dist.section import BadInput
from ppt_dist.shard.manifest import Manifest
from ppt_dist.stream.plan import Plan
from ppt_dist.stream.state import check_state, state_of
from ppt_dist.train.checkpoint import CheckpointFacts, CheckpointStore, name_of
from ppt_dist.train.engine import Engine
from ppt_dist.train.folder import STOP
from ppt_dist.train.ledger import Ledger, read_ledger, settle
from ppt_dist.train.published.aside import OFFICIAL
from ppt_dist.train.ranks import Ranks

_NOTHING, _LOST = -1, -2
"""In place of a step, where there is no checkpoint: the run starts, or weights were imported."""


def facts_of(run: RunConfig, manifests: Mapping[str, Manifest], attempt: int) -> CheckpointFacts:
    """What a checkpoint of ``run`` says; ``attempt`` 0 is none, as of imported weights."""
    return CheckpointFacts(
        order=run.order,
        ledger=Ledger().digest(),
        what=run.what(),
        manifests={name: manifest.digest() for name, manifest in manifests.items()},
        labels={name: manifest.labels for name, manifest in manifests.items()},
        attempt=attempt,
    )


class Saver(NamedTuple):
    """What saving and restoring needs beside the engine."""

    store: CheckpointStore
    facts: CheckpointFacts
    ranks: Ranks
    journal: Journal
    plan: Plan

    def restore(self, engine: Engine) -> int:
        """Load the newest good checkpoint, if there is one; returns the first step to take.

        Rank 0 chooses, so that no two ranks continue from different ones.

        Raises:
            BadInput: it was written with another order, run file, ledger or data (says which), or
                there is none although weights were imported.
        """
        newest = self.store.newest() if self.ranks.rank.index == 0 else None
        step = self.ranks.agree(newest.step if newest else self._without())
        if step == _LOST:
            raise BadInput(
                f"{self.store.run} starts from imported weights, but has no whole checkpoint: "
                "import them again with ppt-dist weights import"
            )
        if step == _NOTHING:
            return 0
        found = newest or self.store.load(name_of(step))
        self._check(found.name, found.facts)
        engine.load(found.state)
        self.journal.write("restored", checkpoint=found.name, step=step)
        return step

    def save(self, step: int, engine: Engine) -> None:
        """Write the state after ``step`` updates; every rank gathers, rank 0 writes."""
        with self.journal.phase("checkpoint"):
            state = engine.state()
            if self.ranks.rank.index == 0:
                ledger = settle(self.store.run)
                known = {
                    "ledger": ledger.digest(),
                    "ledger_entries": len(ledger.entries),
                    "plan": state_of(self.plan, step, self.facts.manifests),
                }
                name = self.store.save(step, state, self.facts.model_copy(update=known))
                self.journal.write("checkpoint", checkpoint=name, step=step)

    def asked_to_stop(self) -> bool:
        """Whether the run is to end before its last step; the same on every rank."""
        return bool(self.ranks.agree(int((self.store.run / STOP).exists())))

    def _without(self) -> int:
        return _LOST if (self.store.run / OFFICIAL).is_dir() else _NOTHING

    def _check(self, name: str, found: CheckpointFacts) -> None:
        ours, theirs = _fixed(self.facts), _fixed(found)
        different = [key for key in ours if ours[key] != theirs[key]]
        if found.ledger_entries:
            ledger = read_ledger(self.store.run)
            different += ["ledger"] * (ledger.digest(found.ledger_entries) != found.ledger)
        if different:
            raise BadInput(
                f"checkpoint {name} differs from this run in {', '.join(different)}: "
                "give the run another name, or restore the run file and the packed data"
            )
        if found.plan:
            check_state(found.plan, self.plan, self.facts.manifests)


def _fixed(facts: CheckpointFacts) -> dict[str, Any]:
    """What may not change. The manifests have the labels; eras are the plan's to check."""
    what = {key: value for key, value in facts.what.items() if key != "eras"}
    return {"order": facts.order, "what": what, "manifests": facts.manifests}
