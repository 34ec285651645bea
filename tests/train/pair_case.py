"""A small PPT for the laws: every adapter with every head, at rotating stages and world sizes."""

from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from ppt_dist.model.adapter import AdapterConfig
from ppt_dist.model.adapter.adapter import Adapter
from ppt_dist.model.adapter.attention import AttentionConfig
from ppt_dist.model.adapter.injection import InjectionConfig
from ppt_dist.model.adapter.none import NoneConfig
from ppt_dist.model.adapter.pdnorm import PDNormConfig
from ppt_dist.model.backbone import BackboneConfig
from ppt_dist.model.head import HeadConfig
from ppt_dist.model.head.decoupled import DecoupledConfig
from ppt_dist.model.head.head import DomainLabels
from ppt_dist.model.head.language import LanguageConfig
from ppt_dist.model.head.unionized import UnionizedConfig
from ppt_dist.model.ppt import PPT, Parts, build_model
from ppt_dist.run import EngineConfig, LossConfig, OptimConfig, Rates, Stage
from ppt_dist.stream.rank import Rank
from ppt_dist.train.engine import Engine, build_engine
from ppt_dist.train.loss import build_criterion
from ppt_dist.train.ranks import Ranks
from tests.model.domains import numbered
from tests.train.law_case import CLASSES, Case, Trace, follow, run_cases

ADAPTERS: dict[str, AdapterConfig] = {
    "pdnorm": PDNormConfig(where=("encoder",), zero_init=False, momentum=0.1),
    "pdnorm without prompt": PDNormConfig(adaptive=False, affine=True, momentum=0.1),
    "injection": InjectionConfig(zero_init=False, momentum=0.1, norm="domain"),
    "attention": AttentionConfig(zero_init=False, momentum=0.1, tokens=3, heads=2),
    "none": NoneConfig(momentum=0.1),
}
HEADS: dict[str, HeadConfig] = {
    "infonce": LanguageConfig(vectors=Path("words"), temperature=0.5),
    "cosine": LanguageConfig(vectors=Path("words"), criterion="cosine"),
    "l2": LanguageConfig(vectors=Path("words"), criterion="l2"),
    "decoupled": DecoupledConfig(),
    "unionized": UnionizedConfig(),
    "unionized apart": UnionizedConfig(share=False),
}
PAIR_STEPS = 4
"""Gamma is new in the last."""

STAGES: tuple[Stage, ...] = ("plain", 0, 1, 2, 3)


class Pair(NamedTuple):
    """One adapter with one head."""

    adapter: str
    head: str
    stage: Stage
    optimizer: Literal["adamw", "sgd"]

    @property
    def case(self) -> Case:
        """What the data are drawn for: two lots a step, so that two domains meet in one update."""
        return Case(self.stage, self.optimizer, lots=2, scenes=3)

    @property
    def loss(self) -> LossConfig:
        return LossConfig(cross_entropy=1.0, lovasz=0.5)


def pairs(of: int) -> list[Pair]:
    """Those for ``of`` ranks: each adapter and each head meets every stage, each pair one world."""
    return [
        Pair(adapter, head, STAGES[(i + j) % 5], ("adamw", "sgd")[(i + j) % 2])
        for (i, adapter), (j, head) in product(enumerate(ADAPTERS), enumerate(HEADS))
        if (2 * i + j) % 3 + 1 == of
    ]


class Backbone:
    """A linear layer and a residual one, with all that a real backbone asks the adapter for."""

    def build(self, in_channels: int, adapter: Adapter) -> "Layers":
        return Layers(in_channels, adapter)


class Layers(nn.Module):
    def __init__(self, in_channels: int, adapter: Adapter) -> None:
        super().__init__()
        self.out_channels = 8
        self.stem = nn.Linear(in_channels, 8, bias=False)
        self.stem_norm = adapter.norm(8, "stem")
        self.enter_stage = adapter.stage(8, "encoder")
        self.enter_block = adapter.block(8, "encoder")
        self.second = nn.Linear(8, 8, bias=False)
        self.second_norm = adapter.norm(8, "encoder")

    def forward(self, _grid, _scene, feat, prompt):
        x = self.stem_norm(self.stem(feat), prompt).relu()
        for enter in (self.enter_stage, self.enter_block):
            x = x if enter is None else enter(x, prompt)
        return x + self.second_norm(self.second(x), prompt)


def make_model(pair: Pair, sum_of_ranks=lambda t: t, seed: int = 3) -> PPT:
    rng = torch.Generator().manual_seed(5)
    domains = {
        domain: DomainLabels(numbered(n), torch.randn(n, 6, generator=rng))
        for domain, n in CLASSES.items()
    }
    backbone = cast("BackboneConfig", Backbone())
    parts = Parts(6, 6, backbone, ADAPTERS[pair.adapter], HEADS[pair.head])
    return build_model(parts, domains, sum_of_ranks, seed)


def optim_of(pair: Pair) -> OptimConfig:
    return pair.case.optim.model_copy(update={"rates": Rates(prompt=0.5, modulation=0.1)})


def class_weight(domain: str) -> Tensor:
    return torch.linspace(0.5, 1.5, CLASSES[domain])


def build(pair: Pair, model: PPT, stage: Stage, ranks: Ranks) -> Engine:
    weights = {domain: class_weight(domain) for domain in CLASSES}
    return build_engine(
        model,
        model.prompts,
        build_criterion(pair.loss, weights, attracts=HEADS[pair.head].attracts),
        optim=optim_of(pair),
        engine=EngineConfig(stage=stage, ranks=ranks.rank.of),
        ranks=ranks,
    )


def run_pair(ranks: Ranks, pair: Pair) -> Trace:
    """Train from weights that another engine, on one rank, has handed over."""
    state = build(pair, make_model(pair), "plain", Ranks(Rank(0, 1))).state()
    engine = build(pair, make_model(pair, ranks.sum, seed=4), pair.stage, ranks)
    engine.load(state)
    return follow(engine, ranks, pair.case, stop=PAIR_STEPS)


def run_cases_and_pairs(ranks: Ranks, cases: list[Case]) -> tuple[list[tuple], list[tuple]]:
    """All cases of the laws, and the pairs for this number of ranks, in one launch."""
    torch.use_deterministic_algorithms(True)
    return run_cases(ranks, cases), [tuple(run_pair(ranks, pair)) for pair in pairs(ranks.rank.of)]
