"""One case of the laws: a small net with every kind of bank, its data, and an engine's run."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ppt_dist.model.adapter.pdnorm import PDNormConfig
from ppt_dist.model.bank import Bank
from ppt_dist.model.prompt import Prompt
from ppt_dist.run import EngineConfig, LossConfig, OptimConfig, Rates, Stage
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.stream.stream import LotBatch
from ppt_dist.train.engine import Engine, build_engine
from ppt_dist.train.loss import build_criterion
from ppt_dist.train.optim import learning_rate, momentum
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.state import EngineState

CLASSES = {"alpha": 3, "beta": 5, "gamma": 4}
STEPS = 10
TURNS = ("alpha", "beta", "alpha", "alpha", "gamma", "beta", "gamma", "alpha", "beta", "gamma")
"""Domain of each step's first lot; a second lot is of the next turn. Gamma is new in step 4."""


CLIP = 0.4


class Case(NamedTuple):
    """One combination that the laws must hold for."""

    stage: Stage
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lots: int = 1
    scenes: int = 3
    micro: int = 1
    cycles: bool = False
    """The momentum cycles with the rate."""
    skips_idle: bool = True
    """False is the negative control: idle groups are stepped like the rest."""

    @property
    def optim(self) -> OptimConfig:
        return OptimConfig(
            kind=self.optimizer,
            rate=0.02,
            decay=0.05,
            clip=CLIP,
            rates=Rates(prompt=0.5, modulation=0.1),
            warm_share=0.3,
            momentum_cycle=(0.95, 0.85) if self.cycles else None,
        )


class Net(nn.Module):
    """Two linear layers with PDNorm, prompts, and a head of its own size for each domain."""

    def __init__(self, sum_of_ranks=lambda t: t) -> None:
        super().__init__()
        norms = PDNormConfig(affine=True, zero_init=False, momentum=0.1).build(
            tuple(CLASSES), 5, sum_of_ranks
        )
        self.prompts = Bank({domain: torch.randn(5) for domain in CLASSES})
        self.first, self.second = nn.Linear(6, 8, bias=False), nn.Linear(8, 8, bias=False)
        self.first_norm, self.second_norm = norms.norm(8, "encoder"), norms.norm(8, "decoder")
        self.head = Bank({domain: torch.randn(n, 8) / 3 for domain, n in CLASSES.items()})

    def forward(self, batch: SceneBatch) -> Tensor:
        prompt = Prompt(batch.domain, self.prompts(batch.domain))
        x = self.first_norm(self.first(batch.feat), prompt).relu()
        x = self.second_norm(self.second(x), prompt).relu()
        return x @ self.head(batch.domain).T


def make_net(sum_of_ranks=lambda t: t) -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Net(sum_of_ranks)


def domains_of(step: int, case: Case) -> tuple[str, ...]:
    return tuple(TURNS[(step + k) % STEPS] for k in range(case.lots))


def scene(step: int, turn: int, index: int, domain: str) -> tuple[Tensor, Tensor]:
    """Features and labels: uneven sizes, an own offset for each domain, some unlabelled."""
    rng = torch.Generator().manual_seed(1000 * step + 100 * turn + index)
    points = 5 + 17 * index + 3 * step
    feat = torch.randn(points, 6, generator=rng) * (1 + index) + 2 * len(domain)
    label = torch.randint(-1, CLASSES[domain], (points,), generator=rng)
    return feat, torch.where(feat[:, 0] > 2 * len(domain) + index, -1, label)


def micro_lots(case: Case) -> list[list[int]]:
    return [list(range(m, case.scenes, case.micro)) for m in range(case.micro)]


def batch_of(domain: str, scenes: list[tuple[Tensor, Tensor]]) -> SceneBatch:
    sizes = torch.tensor([len(label) for _, label in scenes], dtype=torch.int64)
    feat = torch.cat([f for f, _ in scenes] + [torch.zeros(0, 6)])
    label = torch.cat([y for _, y in scenes] + [torch.zeros(0, dtype=torch.int64)])
    grid = torch.zeros(len(label), 3, dtype=torch.int32)
    return SceneBatch(
        domain, tuple(map(str, range(len(scenes)))), grid, feat, label, sizes.cumsum(0)
    )


def lot_of(step: int, turn: int, case: Case, ranks: Ranks) -> LotBatch:
    domain = domains_of(step, case)[turn]
    micro = []
    for members in micro_lots(case):
        mine = members[ranks.rank.index :: ranks.rank.of]
        micro.append(batch_of(domain, [scene(step, turn, i, domain) for i in mine]))
    return LotBatch(step * case.lots + turn, domain, tuple(micro))


class Trace(NamedTuple):
    """What a case left behind."""

    losses: list[float]
    norms: list[float]
    tensors: dict[str, Tensor]
    counts: dict[str, int]
    idle_violations: int
    idle_checked: int


def run_case(
    ranks: Ranks, case: Case, start: int = 0, stop: int = STEPS, state: EngineState | None = None
) -> Trace:
    """Train the net from ``start`` to ``stop``."""
    model = make_net(ranks.sum)
    weights = {domain: torch.linspace(0.5, 1.5, n) for domain, n in CLASSES.items()}
    engine = build_engine(
        model,
        model.prompts,
        build_criterion(LossConfig(), weights, attracts=False),
        optim=case.optim,
        engine=EngineConfig(stage=case.stage, ranks=ranks.rank.of),
        ranks=ranks,
    )
    if state is not None:
        engine.load(state)
    return follow(engine, ranks, case, start, stop)


def follow(engine: Engine, ranks: Ranks, case: Case, start: int = 0, stop: int = STEPS) -> Trace:
    """Train with the engine and watch the idle rows."""
    losses, norms, violations, checked = [], [], 0, 0
    before = engine.state()
    for step in range(start, stop):
        lots = [lot_of(step, turn, case, ranks) for turn in range(case.lots)]
        losses += [engine.accumulate(lot, 1 / case.lots).loss for lot in lots]
        active = frozenset(lot.domain for lot in lots)
        told = active if case.skips_idle else frozenset(CLASSES)
        rate = learning_rate(step, STEPS, case.optim)
        norms.append(engine.update(rate, told, momentum(step, STEPS, case.optim)))
        after = engine.state()
        for domain in set(CLASSES) - active:
            rows = [name for name in after.tensors if name.endswith(f".{domain}")]
            violations += sum(not after.tensors[r].equal(before.tensors[r]) for r in rows)
            counts = [name for name in after.counts if name.startswith(domain)]
            violations += sum(after.counts[c] != before.counts[c] for c in counts)
            checked += len(rows) + len(counts)
        before = after
    return Trace(losses, norms, before.tensors, before.counts, violations, checked)


def run_cases(ranks: Ranks, cases: list[Case]) -> list[tuple]:
    """Every case in one launch."""
    torch.use_deterministic_algorithms(True)
    return [tuple(run_case(ranks, Case(*case))) for case in cases]


def continue_cases(ranks: Ranks, jobs: list[tuple]) -> list[tuple]:
    """Continue saved states: each job is (case, first step, tensors, counts)."""
    torch.use_deterministic_algorithms(True)
    return [
        tuple(run_case(ranks, Case(*case), start, STEPS, EngineState(tensors, counts)))
        for case, start, tensors, counts in jobs
    ]


def half_cases(ranks: Ranks, cases: list[Case], stop: int) -> list[tuple]:
    """The first steps of every case."""
    torch.use_deterministic_algorithms(True)
    return [tuple(run_case(ranks, Case(*case), 0, stop)) for case in cases]
