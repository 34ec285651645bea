"""The loop: lots in, steps out, and what is due after each step."""

import time

from ppt_dist.run import RunConfig
from ppt_dist.stream.stream import Stream
from ppt_dist.train.engine import Engine
from ppt_dist.train.optim import learning_rate
from ppt_dist.train.report import Reporter, Seconds, StepReport
from ppt_dist.train.saver import Saver


def train(run: RunConfig, engine: Engine, stream: Stream, saver: Saver, reporter: Reporter) -> None:
    """Train from the newest checkpoint, or from scratch, to ``run.steps``."""
    start = saver.restore(engine)
    reporter.begin(start)
    clock = [time.monotonic()]
    for step, lots in enumerate(stream.steps(start, run.steps), start):
        clock.append(time.monotonic())
        results = tuple(engine.accumulate(lot, 1 / len(lots)) for lot in lots)
        clock.append(time.monotonic())
        rate = learning_rate(step, run.steps, run.optim)
        norm = engine.update(rate, frozenset(lot.domain for lot in lots))
        clock.append(time.monotonic())
        reporter.step(StepReport(step, rate, norm, lots, results, Seconds.between(clock)))
        if (step + 1) % run.checkpoint.every == 0 or step + 1 == run.steps:
            saver.save(step + 1, engine)
        clock = [time.monotonic()]
