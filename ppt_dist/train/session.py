"""A training session on one rank: everything is opened, trained, evaluated, closed."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import torch

from ppt_dist.journal.journal import Event, Journal
from ppt_dist.model.ppt import build_model
from ppt_dist.run import RunConfig
from ppt_dist.shard.manifest import Manifest, read_manifest
from ppt_dist.shard.records import Records
from ppt_dist.stream.fetch import Fetching
from ppt_dist.stream.load import open_records
from ppt_dist.stream.plan import Plan
from ppt_dist.stream.stream import Stream, stream_of
from ppt_dist.train.checkpoint import CheckpointStore, name_of
from ppt_dist.train.engine import Engine, build_engine
from ppt_dist.train.evaluate import evaluate, write_evaluation, write_looks
from ppt_dist.train.folder import as_begun
from ppt_dist.train.ledger import read_ledger, settle
from ppt_dist.train.loop import train
from ppt_dist.train.quarantine import Quarantine, most_quarantined
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.report import Reporter
from ppt_dist.train.saver import Saver, facts_of
from ppt_dist.train.scenes import open_scenes
from ppt_dist.train.sources import (
    TRAIN,
    VALIDATION,
    criterion_of,
    labels_of,
    parts_of,
    plan_of,
    sources_of,
)
from ppt_dist.train.witness import Witness


class _Session(NamedTuple):
    run: RunConfig
    ranks: Ranks
    journal: Journal
    manifests: Mapping[str, Manifest]
    attempt: int

    def fault(self, text: str) -> None:
        self.journal.write("fault", text=text)


def run_training(
    run: RunConfig, ranks: Ranks, attempt: int, on_event: Callable[[Event], object]
) -> None:
    """Train to the end from the newest checkpoint, then evaluate every domain; or stop if asked to.

    Args:
        run: with absolute paths; its folder has been claimed.
        ranks: this process, its device, and the others; their group has been initialised.
        attempt: of the run, counted by whoever starts it.
        on_event: told each event of this rank.

    Raises:
        BadInput: the data, the vectors or the checkpoint do not fit the run.
    """
    torch.set_num_threads(run.engine.threads)
    torch.use_deterministic_algorithms(mode=True)
    run = as_begun(run)
    journal = Journal(run.folder, f"rank-{ranks.rank.index}", attempt, on_event)
    manifests = {name: read_manifest(use.shards) for name, use in run.domains.items()}
    session = _Session(run, ranks, journal, manifests, attempt)
    reporter = Reporter(run, journal, speaks=ranks.rank.index == 0)
    with journal.phase("start"):
        stream = _open_stream(session)
        engine, saver = _build_engine(session), _saver(session, stream.plan)
        watched = Witness(stream, _records(run), ranks, run.engine.compare_every)
    try:
        with journal.phase("training"):
            done = train(run, engine, watched, saver, reporter, ranks.clock)
    except Exception as error:
        journal.write("failed", text=f"{type(error).__name__}: {error}")
        raise
    finally:
        stream.close()
    if done == run.steps:
        with journal.phase("evaluation"):
            _evaluate(session, engine)
    journal.write("finished" if done == run.steps else "stopped", step=done)
    journal.close()


def _open_stream(session: _Session) -> Stream:
    """This rank's stream, without scenes that the ledger knows to be unusable."""
    run, ranks = session.run, session.ranks
    if ranks.rank.index == 0:
        settle(run.folder)
    ranks.wait()
    scenes = {name: manifest.splits[TRAIN].scenes for name, manifest in session.manifests.items()}
    most = {d: most_quarantined(use.quarantine, scenes[d]) for d, use in run.domains.items()}
    writer = f"rank-{ranks.rank.index}-{session.attempt}"
    quarantine = Quarantine(run.folder, writer, session.journal, most)
    engine = run.engine
    ahead = engine.ahead_mib << 20
    fetching = Fetching(engine.fetchers, ahead, session.fault, quarantine.take, engine.access)
    ledger = read_ledger(run.folder)
    plan = plan_of(run, _records(run), ledger.eras(), ledger.skipped())
    sources = sources_of(run, session.manifests)
    return stream_of(plan, sources, ranks.rank, fetching, ledger.quarantined())


def _records(run: RunConfig) -> dict[str, Records]:
    access = run.engine.access
    return {name: open_records(use.shards, TRAIN, access) for name, use in run.domains.items()}


def _build_engine(session: _Session) -> Engine:
    run, manifests = session.run, session.manifests
    domains = labels_of(run, manifests)
    model = build_model(parts_of(run), domains, session.ranks.sum, run.seed, run.engine.sparse)
    model.to(session.ranks.device)  # before the optimiser makes its moments
    return build_engine(
        model,
        model.prompts,
        criterion_of(run, manifests),
        optim=run.optim,
        engine=run.engine,
        ranks=session.ranks,
    )


def _saver(session: _Session, plan: Plan) -> Saver:
    run = session.run
    facts = facts_of(run, session.manifests, session.attempt)
    store = CheckpointStore(run.folder, run.checkpoint.keep, session.fault)
    return Saver(store, facts, session.ranks, session.journal, plan)


def _evaluate(session: _Session, engine: Engine) -> None:
    """Score the engine's weights, which are those of the last checkpoint."""
    run, ranks = session.run, session.ranks
    scenes = open_scenes(run, VALIDATION, run.model.channels)
    beat = partial(session.journal.write, "scored")
    results = evaluate(engine.forward, scenes, ranks.rank, ranks.sum, lambda d: beat(domain=d))
    write_looks(run.folder, name_of(run.steps), results)
    ranks.wait()
    if ranks.rank.index == 0:
        newest = CheckpointStore(run.folder, run.checkpoint.keep).load(name_of(run.steps))
        write_evaluation(run.folder, newest.name, newest.digest, results)
    for domain, result in results.items():
        session.journal.write("evaluated", domain=domain, **result.figures(), **result.pace())
