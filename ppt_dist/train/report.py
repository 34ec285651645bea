"""`Reporter`: every step as an event, and now and then as a printed line."""

import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from ppt_dist.journal.journal import Journal
from ppt_dist.run import RunConfig
from ppt_dist.scene.mix import scenes_in
from ppt_dist.stream.read import fingerprint
from ppt_dist.stream.stream import LotBatch
from ppt_dist.train.engine.engine import LotResult


class StepReport(NamedTuple):
    """What is known after a step."""

    step: int
    rate: float
    """Learning rate."""
    norm: float
    """Of all gradients, before clipping."""
    lots: tuple[LotBatch, ...]
    results: tuple[LotResult, ...]
    seconds: Mapping[str, float]
    """Where the step's time went on this rank, by phase."""


def _own(lot: LotBatch) -> dict[str, object]:
    """What this rank had of a lot; ``read`` are fingerprints of its scenes, as their bytes told."""
    return {
        "scenes": sum(len(scenes_in(name)) for batch in lot.micro for name in batch.names),
        "points": sum(len(batch.label) for batch in lot.micro),
        "read": [f"{fingerprint(lot.domain, r.name, r.crc32):016x}" for r in lot.reads],
    }


class Reporter:
    """Writes this rank's events; the speaking rank prints too."""

    def __init__(self, run: RunConfig, journal: Journal, *, speaks: bool) -> None:
        self._steps, self._every, self._speaks = run.steps, run.log_every, speaks
        self._journal = journal
        self._start, self._began, self._voxels = 0, time.monotonic(), 0
        self._losses: dict[str, float] = {}

    def begin(self, start: int) -> None:
        """Training begins with step ``start``."""
        self._start, self._began = start, time.monotonic()
        self._journal.write("training", start=start, steps=self._steps)

    def step(self, report: StepReport) -> None:
        """Write an event, and print where a line is due."""
        for lot, result in zip(report.lots, report.results, strict=True):
            self._losses[lot.domain] = result.loss
            self._voxels += result.voxels
        self._journal.write(
            "step",
            step=report.step,
            rate=report.rate,
            norm=report.norm,
            lots=[
                {"lot": lot.index, "domain": lot.domain, **result._asdict(), **_own(lot)}
                for lot, result in zip(report.lots, report.results, strict=True)
            ],
            seconds=report.seconds,
        )
        done = report.step + 1 - self._start
        if self._speaks and (done % self._every == 0 or report.step + 1 == self._steps):
            self._print(report.step + 1, done)

    def _print(self, step: int, done: int) -> None:
        seconds = time.monotonic() - self._began
        left = timedelta(seconds=round(seconds / done * (self._steps - step)))
        losses = "  ".join(f"{domain} {loss:.3f}" for domain, loss in sorted(self._losses.items()))
        speed = f"{self._voxels / max(seconds, 1e-9):,.0f} voxels/s"
        sys.stderr.write(f"step {step}/{self._steps}  loss {losses}  {speed}  {left} left\n")
        sys.stderr.flush()
