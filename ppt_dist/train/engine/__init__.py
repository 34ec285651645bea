"""What turns losses into steps: the one door to deepspeed."""

from torch import nn

from ppt_dist.run import EngineConfig, OptimConfig
from ppt_dist.train.engine.engine import Engine
from ppt_dist.train.engine.plain import PlainEngine
from ppt_dist.train.loss import Criterion
from ppt_dist.train.optim import build_optimizer, by_domain
from ppt_dist.train.ranks import Ranks


def build_engine(
    model: nn.Module,
    prompts: nn.Module,
    criterion: Criterion,
    *,
    optim: OptimConfig,
    engine: EngineConfig,
    ranks: Ranks,
) -> Engine:
    """The engine that the run file names, over a fresh optimiser."""
    optimizer = build_optimizer(by_domain(model, prompts, optim.rates), optim)
    if engine.stage == "plain":
        return PlainEngine(model, optimizer, criterion, clip=optim.clip, ranks=ranks)
    from ppt_dist.train.engine.zero import ZeroEngine

    return ZeroEngine(model, optimizer, criterion, clip=optim.clip, ranks=ranks, stage=engine.stage)
