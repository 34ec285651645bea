"""Measures training: voxels a second of our loop, against a bare PyTorch loop on equal batches."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, cast

import torch

from benchmarks.inputs import Batches, load_batches, make_shards, write_run_file
from benchmarks.measure import Comparison, Report, Trial, interleaved, run, timed
from benchmarks.ways import bare_step, engine_of
from ppt_dist.journal.journal import Event, Journal
from ppt_dist.launch.workers import OnEvent, alone
from ppt_dist.run import RunConfig, Stage, load_run
from ppt_dist.stream.stream import LotBatch, Stream
from ppt_dist.train.clock import Clock
from ppt_dist.train.engine import Engine
from ppt_dist.train.loop import train
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.report import Reporter
from ppt_dist.train.saver import Saver

BARE, LOOSE = "bare PyTorch", "bare, not deterministic"
STAGES: dict[str, Stage] = {"plain": "plain", "ZeRO stage 0": 0, "ZeRO stage 1": 1}


class Size(NamedTuple):
    """How much is trained, how often."""

    scenes: int
    steps: int
    """Of a trial; a period of the demo's mixture has seven."""
    rounds: int


class Replay(NamedTuple):
    """Batches that were loaded before, in the place of a stream."""

    batches: Batches

    def steps(self, start: int, stop: int) -> Iterator[tuple[LotBatch, ...]]:
        """Those of each step."""
        return iter(self.batches.steps[start:stop])


class NeverSaves:
    """In the place of a saver: a fresh run that writes no checkpoint."""

    def restore(self, _engine: Engine) -> int:
        """Begin at step 0."""
        return 0

    def save(self, _step: int, _engine: Engine) -> None:
        """Write nothing."""

    def asked_to_stop(self) -> bool:
        """Never."""
        return False


def measure(size: Size) -> Report:
    """Train the demo's model in this process, on batches that lie in memory."""
    reports: list[Report] = []

    def work(run: RunConfig, ranks: Ranks, attempt: int, on_event: OnEvent) -> None:
        del ranks
        reports.append(_compare(run, attempt, on_event, size))

    with TemporaryDirectory() as name:
        folder = Path(name)
        shards = make_shards(folder, size.scenes)
        alone(load_run(write_run_file(folder, shards, "loops", size.steps)), work)
    return reports[0]


def _compare(run: RunConfig, attempt: int, on_event: OnEvent, size: Size) -> Report:
    batches = load_batches(run, size.steps)
    first: dict[str, float] = {}
    loops: dict[str, Callable[[], object]] = {
        BARE: _bare_loop(run, batches, first, BARE, deterministic=True),
        LOOSE: _bare_loop(run, batches, first, LOOSE, deterministic=False),
    }
    for way, stage in STAGES.items():
        journal = Journal(run.folder, way.replace(" ", "-"), attempt, _noting(first, way, on_event))
        loops[way] = _our_loop(run, batches, stage, journal)
    trials: dict[str, Trial] = {way: partial(timed, loop) for way, loop in loops.items()}
    taken = interleaved(trials, size.rounds)
    if not all(math.isclose(loss, first[BARE], rel_tol=1e-3) for loss in first.values()):
        raise ValueError(f"the loops do not begin with the same loss: {first}")
    steps = len(batches.steps)
    conditions = {
        "threads of torch": torch.get_num_threads(),
        "steps of a trial": steps,
        "voxels of a step": round(batches.voxels / steps),
        "scan points behind a step": round(batches.points / steps),
        "first loss": round(first[BARE], 4),
    }
    pace = "train", "voxels/s", lambda seconds: batches.voxels / seconds
    return Report(conditions, [Comparison(*pace, BARE, taken)])


def _bare_loop(
    run: RunConfig, batches: Batches, first: dict[str, float], way: str, *, deterministic: bool
) -> Callable[[], None]:
    step = bare_step(run)

    def loop() -> None:
        torch.use_deterministic_algorithms(mode=deterministic)
        for lots in batches.steps:
            first.setdefault(way, step(lots))
        torch.use_deterministic_algorithms(mode=True)

    return loop


def _our_loop(
    run: RunConfig, batches: Batches, stage: Stage, journal: Journal
) -> Callable[[], object]:
    """The real loop with its clock and its events; without loading and checkpoints."""
    clock = Clock()
    engine = engine_of(run, stage, clock)
    stream, saver = cast("Stream", Replay(batches)), cast("Saver", NeverSaves())
    reporter = Reporter(run, journal, speaks=False)
    return lambda: train(run, engine, stream, saver, reporter, clock)


def _noting(first: dict[str, float], way: str, on_event: OnEvent) -> Callable[[Event], object]:
    """Pass events on, and keep the loss of the first step."""

    def take(event: Event) -> None:
        on_event(event)
        lots = event.get("lots")
        if isinstance(lots, list):
            first.setdefault(way, lots[-1]["loss"])

    return take


if __name__ == "__main__":
    run(measure, full=Size(scenes=6, steps=7, rounds=7), quick=Size(2, 1, 1))
