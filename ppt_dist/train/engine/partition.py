"""`Partition`: reads and writes what ZeRO has cut up, by name and without a trace of ranks.

DeepSpeed's own checkpoints neither change world size nor stage, and are pickles. This file holds
every private attribute of DeepSpeed that we touch; its version is pinned exactly.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from ppt_dist.train.engine.buffers import buffers, load_buffers
from ppt_dist.train.engine.door import (
    GatheredParameters,
    safe_get_full_fp32_param,
    safe_get_full_optimizer_state,
    safe_set_full_fp32_param,
    safe_set_full_optimizer_state,
    safe_set_local_fp32_param,
    safe_set_local_optimizer_state,
)
from ppt_dist.train.optim import Optimizer, fresh_state, moment_names, step_counts, trained
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.state import EngineState


class Partition:
    """Parameters and moments of a DeepSpeed engine at one stage."""

    def __init__(self, engine: Any, optimizer: Optimizer, stage: int, ranks: Ranks) -> None:
        self._engine = engine
        self._zero = engine.optimizer
        self._optimizer = optimizer
        self._stage = stage
        self._ranks = ranks
        for flat in self._flats():
            optimizer.state[flat] = fresh_state(flat, optimizer)

    def state(self) -> EngineState:
        """Weights, buffers, moments and step counts by name, whole on every rank."""
        self._relink()
        tensors = {}
        for name, p in self._parameters():
            tensors[f"weight/{name}"] = self._weight(p)
        for name, p in trained(self._engine.module).items():
            for moment in moment_names(self._optimizer):
                tensors[f"{moment}/{name}"] = self._moment(p, moment)
        tensors |= buffers(self._engine.module)
        return EngineState(tensors, step_counts(self._optimizer, self._first_of_groups()))

    def load(self, state: EngineState) -> None:
        """Scatter the tensors of ``state``; those of other ranks' parts are left out."""
        self._relink()
        for name, p in self._parameters():
            self._set_weight(p, state.tensors[f"weight/{name}"])
        for name, p in trained(self._engine.module).items():
            for moment in moment_names(self._optimizer):
                self._set_moment(p, moment, state.tensors[f"{moment}/{name}"])
        load_buffers(self._engine.module, state)
        for flat, group in zip(self._flats(), self._group_of_flats(), strict=True):
            kept = self._optimizer.state[flat]
            if "step" in kept:
                kept["step"].fill_(state.counts[group["name"]])
        self._show_weights()

    def _parameters(self) -> list[tuple[str, Any]]:
        return list(self._engine.module.named_parameters())

    def _flats(self) -> list[Tensor]:
        """The tensors that the inner optimiser has states for."""
        if self._stage == 0:
            return [p for group in self._optimizer.param_groups for p in group["params"]]
        if self._stage == 3:
            return list(self._zero.fp32_partitioned_groups_flat)
        return list(self._zero.single_partition_of_fp32_groups)

    def _group_of_flats(self) -> list[dict[str, Any]]:
        groups = self._optimizer.param_groups
        if self._stage == 0:
            return [group for group in groups for _ in group["params"]]
        if self._stage == 3:
            return [groups[self._zero.sub_group_to_group_id[i]] for i in range(len(self._flats()))]
        return groups

    def _first_of_groups(self) -> list[Tensor]:
        first = {}
        for flat, group in zip(self._flats(), self._group_of_flats(), strict=True):
            first.setdefault(group["name"], flat)
        return [first[group["name"]] for group in self._optimizer.param_groups]

    def _relink(self) -> None:
        """Let stages 1 and 2 find the moments that were made after they had looked for them."""
        if self._stage in {1, 2}:
            self._zero._hp_optimizer_states_linked = False
            self._zero._lazy_init_hp_params_optimizer_state()

    def _weight(self, p: Any) -> Tensor:
        if p.requires_grad and self._stage:
            return _whole(safe_get_full_fp32_param(p))
        with self._gathered(p):
            return p.detach().clone()

    def _gathered(self, p: Any, *, changed: bool = False) -> AbstractContextManager[Any]:
        """Within it ``p`` is whole; stage 3 cuts up those that nobody trains too."""
        if self._stage != 3:
            return nullcontext()
        return GatheredParameters([p], modifier_rank=0 if changed else None)

    def _moment(self, p: Any, moment: str) -> Tensor:
        if self._stage == 0:
            return self._optimizer.state[p][moment].clone()
        return _whole(safe_get_full_optimizer_state(p, moment))

    def _set_weight(self, p: Any, value: Tensor) -> None:
        if not p.requires_grad or not self._stage:
            with self._gathered(p, changed=True):
                p.data.copy_(value)
        elif self._stage == 3:
            safe_set_local_fp32_param(p, self._own_part(value))
        else:
            safe_set_full_fp32_param(p, value)

    def _set_moment(self, p: Any, moment: str, value: Tensor) -> None:
        if self._stage == 0:
            self._optimizer.state[p][moment].copy_(value)
        elif self._stage == 3:
            safe_set_local_optimizer_state(p, self._own_part(value), moment)
        else:
            safe_set_full_optimizer_state(p, value, moment)

    def _own_part(self, value: Tensor) -> Tensor:
        """This rank's piece at stage 3: equal pieces, the last padded with zeros."""
        rank = self._ranks.rank
        piece = -(-value.numel() // rank.of)
        padded = F.pad(value.flatten(), (0, piece * rank.of - value.numel()))
        return padded[rank.index * piece : (rank.index + 1) * piece].clone()

    def _show_weights(self) -> None:
        """Copy the master weights into the ones that forward reads."""
        if self._stage == 3:
            for i in range(len(self._zero.fp16_groups)):
                self._zero._reassign_or_swap_out_partitioned_parameters(i)
        elif self._stage:
            self._zero.update_lp_params()


def _whole(tensor: Tensor | None) -> Tensor:
    """A tensor that DeepSpeed gathered; it answers None for what is not its own."""
    if tensor is None:
        raise RuntimeError("DeepSpeed does not hold a parameter of the model")
    return tensor.detach().clone()
