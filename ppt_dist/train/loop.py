"""The loop: lots in, steps out, and what is due after each step."""

from ppt_dist.run import RunConfig
from ppt_dist.train.clock import Clock
from ppt_dist.train.engine import Engine
from ppt_dist.train.optim import learning_rate, momentum
from ppt_dist.train.report import Reporter, StepReport
from ppt_dist.train.saver import Saver
from ppt_dist.train.witness import Steps


def train(
    run: RunConfig,
    engine: Engine,
    stream: Steps,
    saver: Saver,
    reporter: Reporter,
    clock: Clock,
) -> int:
    """Train from the newest checkpoint, or from scratch, to ``run.steps`` or until asked to stop.

    Returns the updates that the model has taken.
    """
    start = saver.restore(engine)
    reporter.begin(start)
    fetched = stream.steps(start, run.steps)
    clock.lap()
    for step in range(start, run.steps):
        with clock("data"):
            lots = next(fetched)
        results = tuple(engine.accumulate(lot, 1 / len(lots)) for lot in lots)
        rate = learning_rate(step, run.steps, run.optim)
        with clock("optimizer"):
            active = frozenset(lot.domain for lot in lots)
            norm = engine.update(rate, active, momentum(step, run.steps, run.optim))
        reporter.step(StepReport(step, rate, norm, lots, results, clock.lap()))
        stop = saver.asked_to_stop()
        if stop or (step + 1) % run.checkpoint.every == 0 or step + 1 == run.steps:
            saver.save(step + 1, engine)
            clock.lap()
        if stop:
            return step + 1
    return run.steps
