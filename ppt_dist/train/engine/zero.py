"""The ZeRO engine: DeepSpeed at stages 0 to 3 behind the same five methods as the plain one."""

import math
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ppt_dist.scene.batch import SceneBatch
from ppt_dist.stream.stream import LotBatch
from ppt_dist.train.engine.door import initialize, time_collectives
from ppt_dist.train.engine.engine import LotResult, backward_lot
from ppt_dist.train.engine.partition import Partition
from ppt_dist.train.loss import Criterion
from ppt_dist.train.optim import Optimizer, set_rate
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.state import EngineState

ZeroStage = Literal[0, 1, 2, 3]

BUCKET = 5_000_000
"""Elements of DeepSpeed's buffers; its default of 5e8 takes 2 GB a rank before the first step."""


class ZeroEngine:
    """DeepSpeed's engine; its gradients are means over ranks, so losses are scaled by them."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        criterion: Criterion,
        *,
        clip: float | None,
        ranks: Ranks,
        stage: ZeroStage,
    ) -> None:
        self._model = model
        self._engine, *_ = initialize(
            model=model,
            optimizer=optimizer,
            dist_init_required=False,
            config=_config(stage, clip),
        )
        time_collectives(lambda: ranks.clock("communication"))
        self._optimizer = optimizer
        self._criterion = criterion
        self._ranks = ranks
        self._partition = Partition(self._engine, optimizer, stage, ranks)
        self._norm_at_stage_0 = 0.0
        if stage == 0:  # the only stage that does not tell its norm
            self._clip = clip or math.inf
            self._engine.clip_fp32_gradients = self._clip_at_stage_0

    def accumulate(self, lot: LotBatch, share: float) -> LotResult:
        """Add ``share`` times the gradient of the lot's loss."""
        self._engine.train()
        scale = share * self._ranks.rank.of
        return backward_lot(
            lot,
            self._criterion,
            self._ranks,
            self._engine,
            lambda loss: self._engine.backward(loss * scale),
        )

    def update(self, rate: float, active: frozenset[str], momentum: float | None = None) -> float:
        """Reduce, clip and step; returns the norm before clipping."""
        set_rate(self._optimizer, rate, momentum)
        self._optimizer.active = active
        self._engine.step()
        norm = self._engine.get_global_grad_norm()
        return self._norm_at_stage_0 if norm is None else float(norm)

    def _clip_at_stage_0(self) -> None:
        norm = nn.utils.clip_grad_norm_(self._model.parameters(), self._clip)
        self._norm_at_stage_0 = float(norm)

    @torch.no_grad()
    def forward(self, batch: SceneBatch) -> Float[Tensor, "voxels classes"]:
        """Logits in evaluation mode; at stage 3 all ranks must call it equally often."""
        self._engine.eval()
        return self._engine(batch)

    def state(self) -> EngineState:
        """Everything that training continues from, gathered on every rank."""
        return self._partition.state()

    def load(self, state: EngineState) -> None:
        """Scatter a state of any stage and number of ranks."""
        self._partition.load(state)


def _config(stage: ZeroStage, clip: float | None) -> dict[str, Any]:
    """DeepSpeed's configuration; what has a default that bites is said (clipping is 1.0 there)."""
    return {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "managed_gradient_accumulation": False,
        "gradient_clipping": clip or (0.0 if stage else math.inf),
        "zero_allow_untested_optimizer": True,
        "zero_optimization": {
            "stage": stage,
            "overlap_comm": False,
            "round_robin_gradients": False,  # else full weights are read back wrong
            "reduce_bucket_size": BUCKET,
            "allgather_bucket_size": BUCKET,
            "stage3_prefetch_bucket_size": BUCKET,
        },
        "steps_per_print": 10**9,
    }
