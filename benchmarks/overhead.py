"""Measures what DeepSpeed and Ray add to a step: milliseconds, against the same step without."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch

from benchmarks.inputs import load_batches, make_shards, write_run_file
from benchmarks.measure import Comparison, Report, Taken, Trial, interleaved, run, timed
from benchmarks.ways import Step, bare_step, engine_step
from ppt_dist.journal.journal import read_events
from ppt_dist.launch.workers import OnEvent, alone
from ppt_dist.run import RunConfig, load_run
from ppt_dist.stream.stream import LotBatch
from ppt_dist.train.ranks import Ranks

LOCAL, RAY = "train --local", "train on private Ray"
WARM_STEPS = 5


class Size(NamedTuple):
    """How much is trained, how often."""

    scenes: int
    engine_steps: int
    """Steps of each engine."""
    ray_rounds: int
    """Runs with Ray, and as many without."""
    ray_steps: int = 60


def measure(size: Size) -> Report:
    """Take the same steps with and without DeepSpeed, then with and without Ray."""
    compared: list[Comparison] = []

    def work(run: RunConfig, ranks: Ranks, attempt: int, on_event: OnEvent) -> None:
        del ranks, attempt, on_event
        compared.append(_engines(run, size.engine_steps))

    with TemporaryDirectory() as name:
        folder = Path(name)
        shards = make_shards(folder, size.scenes)
        alone(load_run(write_run_file(folder, shards, "engines", size.engine_steps)), work)
        if size.ray_rounds:
            compared += _ray(folder, shards, size)
    conditions = {
        "threads of torch": torch.get_num_threads(),
        "ranks": 1,
        "steps of each engine": size.engine_steps,
        "runs with Ray": size.ray_rounds,
        "steps of such a run": size.ray_steps,
    }
    return Report(conditions, compared)


def _engines(run: RunConfig, steps: int) -> Comparison:
    """A round is one step of each: on the same batch, within a second or two."""
    batches = load_batches(run, min(steps, 7))
    ways = {
        "bare PyTorch": bare_step(run),
        "plain engine": engine_step(run, "plain"),
        "ZeRO stage 0": engine_step(run, 0),
        "ZeRO stage 1": engine_step(run, 1),
    }
    trials: dict[str, Trial] = {
        way: partial(_one_step, step, cycle(batches.steps)) for way, step in ways.items()
    }
    taken = interleaved(trials, steps, warm=min(steps, 7))
    return Comparison("DeepSpeed: a step", "ms", lambda s: 1000 * s, "bare PyTorch", taken)


def _one_step(step: Step, batches: Iterator[tuple[LotBatch, ...]]) -> Taken:
    lots = next(batches)
    return timed(lambda: step(lots))


def _ray(folder: Path, shards: Path, size: Size) -> list[Comparison]:
    """Whole commands that take turns; figures of steps come from the events of the runs."""
    commands: dict[str, list[Taken]] = {LOCAL: [], RAY: []}
    fastest: dict[str, list[Taken]] = {LOCAL: [], RAY: []}

    def trial(way: str, options: list[str]) -> Trial:
        def one() -> Taken:
            name = f"run-{len(commands[LOCAL])}-{len(commands[RAY])}-{len(options)}"
            run_file = write_run_file(folder, shards, name, size.ray_steps)
            commands[way].append(_train(run_file, options))
            steps = _steps(load_run(run_file).folder)
            fastest[way].append(Taken(statistics.quantiles(steps, n=10)[0]))
            return Taken(statistics.median(steps))

        return one

    trials = {LOCAL: trial(LOCAL, ["--local"]), RAY: trial(RAY, [])}
    taken = interleaved(trials, size.ray_rounds, warm=0)
    return [
        Comparison("Ray: median step of a run", "ms", lambda s: 1000 * s, LOCAL, taken),
        Comparison("Ray: fastest tenth of its steps", "ms", lambda s: 1000 * s, LOCAL, fastest),
        Comparison("Ray: the whole command", "s", lambda s: s, LOCAL, commands),
    ]


def _train(run_file: Path, options: list[str]) -> Taken:
    """A command that must succeed."""
    program = Path(sys.executable).with_name("ppt-dist")
    env = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [program, "train", run_file, *options]
    start = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
    if done.returncode:
        raise RuntimeError(f"ppt-dist train ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return Taken(time.perf_counter() - start)


def _steps(folder: Path) -> list[float]:
    """Seconds of each step by the rank's own clock, without checkpoints and the first steps."""
    events: list[dict[str, Any]] = list(read_events(folder))
    steps = [sum(e["seconds"].values()) for e in events if e["event"] == "step"]
    return [float(seconds) for seconds in steps[WARM_STEPS:]]


if __name__ == "__main__":
    full = Size(scenes=6, engine_steps=35, ray_rounds=3)
    run(measure, full=full, quick=Size(2, engine_steps=1, ray_rounds=0))
