"""The plain engine: PyTorch alone; gradients are summed over the ranks one by one."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ppt_dist.scene.batch import SceneBatch
from ppt_dist.stream.stream import LotBatch
from ppt_dist.train.engine.buffers import buffers, load_buffers
from ppt_dist.train.engine.engine import LotResult, backward_lot
from ppt_dist.train.loss import Criterion
from ppt_dist.train.optim import (
    Optimizer,
    fresh_state,
    moment_names,
    set_rate,
    step_counts,
    trained,
)
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.state import EngineState


class PlainEngine:
    """Data parallel without partitions; the reference for every other engine."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        criterion: Criterion,
        *,
        clip: float | None,
        ranks: Ranks,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._criterion = criterion
        self._clip = clip
        self._ranks = ranks
        _make_moments(optimizer)

    def accumulate(self, lot: LotBatch, share: float) -> LotResult:
        """Add ``share`` times the gradient of the lot's loss."""
        self._model.train()
        return backward_lot(
            lot, self._criterion, self._ranks, self._model, lambda loss: (loss * share).backward()
        )

    def update(self, rate: float, active: frozenset[str], momentum: float | None = None) -> float:
        """Clip and step; returns the norm before clipping."""
        gradients = [p.grad for p in self._model.parameters() if p.grad is not None]
        for gradient in gradients:
            gradient.copy_(self._ranks.sum(gradient))
        norm = nn.utils.get_total_norm(gradients)
        if self._clip is not None:
            nn.utils.clip_grads_with_norm_(self._model.parameters(), self._clip, norm)
        set_rate(self._optimizer, rate, momentum)
        self._optimizer.active = active
        self._optimizer.step()
        self._optimizer.zero_grad()
        return float(norm)

    @torch.no_grad()
    def forward(self, batch: SceneBatch) -> Float[Tensor, "voxels classes"]:
        """Logits in evaluation mode."""
        self._model.eval()
        return self._model(batch)

    def state(self) -> EngineState:
        """Weights, buffers, moments and step counts by name."""
        weights = dict(self._model.named_parameters())
        tensors = {f"weight/{name}": p.detach().clone() for name, p in weights.items()}
        tensors |= buffers(self._model)
        for name, p in trained(self._model).items():
            for moment in moment_names(self._optimizer):
                tensors[f"{moment}/{name}"] = self._optimizer.state[p][moment].clone()
        firsts = [group["params"][0] for group in self._optimizer.param_groups]
        return EngineState(tensors, step_counts(self._optimizer, firsts))

    def load(self, state: EngineState) -> None:
        """Continue from a state of any engine."""
        for name, p in self._model.named_parameters():
            p.data.copy_(state.tensors[f"weight/{name}"])
        for name, p in trained(self._model).items():
            for moment in moment_names(self._optimizer):
                self._optimizer.state[p][moment].copy_(state.tensors[f"{moment}/{name}"])
        load_buffers(self._model, state)
        for group in self._optimizer.param_groups:
            for p in group["params"]:
                if "step" in self._optimizer.state[p]:
                    self._optimizer.state[p]["step"].fill_(state.counts[group["name"]])


def _make_moments(optimizer: Optimizer) -> None:
    """Make all states at once, so that a fresh engine looks like a loaded one."""
    for group in optimizer.param_groups:
        for p in group["params"]:
            optimizer.state[p] = fresh_state(p.data, optimizer)
