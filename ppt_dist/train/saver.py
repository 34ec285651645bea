"""`Saver`: an engine's state to the checkpoint store and back; rank 0 writes, all ranks agree."""

from typing import NamedTuple

from ppt_dist.journal.journal import Journal
from ppt_dist.section import BadInput
from ppt_dist.train.checkpoint import CheckpointFacts, CheckpointStore, name_of
from ppt_dist.train.engine import Engine
from ppt_dist.train.folder import STOP
from ppt_dist.train.ranks import Ranks


class Saver(NamedTuple):
    """What saving and restoring needs beside the engine."""

    store: CheckpointStore
    facts: CheckpointFacts
    ranks: Ranks
    journal: Journal

    def restore(self, engine: Engine) -> int:
        """Load the newest good checkpoint, if there is one; returns the first step to take.

        Rank 0 chooses, so that no two ranks continue from different ones.

        Raises:
            BadInput: it was written with another order, run file, ledger or data; says which.
        """
        newest = self.store.newest() if self.ranks.rank.index == 0 else None
        step = self.ranks.agree(newest.step if newest else 0)
        if step == 0:
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
                name = self.store.save(step, state, self.facts)
                self.journal.write("checkpoint", checkpoint=name, step=step)

    def asked_to_stop(self) -> bool:
        """Whether the run is to end before its last step; the same on every rank."""
        return bool(self.ranks.agree(int((self.store.run / STOP).exists())))

    def _check(self, name: str, found: CheckpointFacts) -> None:
        ours = self.facts.model_dump(exclude={"attempt", "labels"})  # the manifests have them
        theirs = found.model_dump(exclude={"attempt", "labels"})
        different = [key for key in ours if ours[key] != theirs[key]]
        if different:
            raise BadInput(
                f"checkpoint {name} differs from this run in {', '.join(different)}: "
                "give the run another name, or restore the run file and the packed data"
            )
