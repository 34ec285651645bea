"""Measures nothing itself: the demo's model trained by a bare PyTorch loop, or by an engine."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.inputs import read_manifests
from ppt_dist.model.ppt import PPT, build_model
from ppt_dist.run import EngineConfig, RunConfig, Stage
from ppt_dist.scene.scene import UNLABELLED
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.stream import LotBatch
from ppt_dist.train.clock import Clock
from ppt_dist.train.engine import Engine, build_engine
from ppt_dist.train.loss import class_weights
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.sources import TRAIN, criterion_of, labels_of, parts_of

Step = Callable[[tuple[LotBatch, ...]], float]
"""Takes one step and returns the loss of its last lot before it."""


def bare_step(run: RunConfig) -> Step:
    """What one writes without this project: the same model, loss, clipping and optimiser."""
    model = _model(run, lambda tensor: tensor)
    manifests = read_manifests(run)
    weights = {
        name: class_weights(manifest.splits[TRAIN].points_by_class, run.loss.balance)
        for name, manifest in manifests.items()
    }
    optim = run.optim
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=optim.rate, betas=optim.betas, weight_decay=optim.decay
    )
    model.train()

    def step(lots: tuple[LotBatch, ...]) -> float:
        loss = torch.zeros(())
        for batch in (batch for lot in lots for batch in lot.micro):
            loss = F.cross_entropy(
                model(batch), batch.label, weights[batch.domain], ignore_index=UNLABELLED
            )
            loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), optim.clip or float("inf"))
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.detach())

    return step


def engine_of(run: RunConfig, stage: Stage, clock: Clock) -> Engine:
    """One of our engines over a fresh model, on one rank."""
    ranks = Ranks(Rank(0, 1), clock)
    model = _model(run, ranks.sum)
    return build_engine(
        model,
        model.prompts,
        criterion_of(run, read_manifests(run)),
        optim=run.optim,
        engine=EngineConfig(stage=stage),
        ranks=ranks,
    )


def engine_step(run: RunConfig, stage: Stage) -> Step:
    """An engine's two calls of a step, without the loop around them."""
    engine = engine_of(run, stage, Clock())

    def step(lots: tuple[LotBatch, ...]) -> float:
        results = [engine.accumulate(lot, 1 / len(lots)) for lot in lots]
        engine.update(run.optim.rate, frozenset(lot.domain for lot in lots))
        return results[-1].loss

    return step


def _model(run: RunConfig, sum_of_ranks: Callable[[Tensor], Tensor]) -> PPT:
    vectors = labels_of(run, read_manifests(run))
    return build_model(parts_of(run), vectors, sum_of_ranks, run.seed)
