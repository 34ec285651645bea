"""Parameter groups, optimisers that leave idle domains alone, and the learning rate of a step."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ppt_dist.model.bank import EVERY_DOMAIN, Bank
from ppt_dist.model.prompt import PromptReader
from ppt_dist.run import OptimConfig, Rates

SHARED = "shared"
"""Owner of the parameters that serve every domain."""

Group = dict[str, Any]
"""One of torch's parameter groups, with ``name``, ``domain`` (None where shared) and ``factor``."""


def by_domain(model: nn.Module, prompts: nn.Module, rates: Rates) -> list[Group]:
    """Parameter groups, one for each pair of owner and learning-rate factor; frozen ones in none.

    ZeRO never flattens across groups, so a group is what an optimiser can leave alone; its step
    count is the domain's. Order and names follow from the model alone.
    """
    owner = {
        id(p): domain
        for bank in model.modules()
        if isinstance(bank, Bank)
        for domain, p in bank.named_parameters()
        if domain != EVERY_DOMAIN
    }
    factor = {id(p): rates.prompt for p in prompts.parameters()}
    for module in model.modules():
        if isinstance(module, PromptReader):
            factor |= {id(p): rates.modulation for p in module.parameters()}
    groups: dict[tuple[str | None, float], Group] = {}
    for p in trained(model).values():
        domain, rate = owner.get(id(p)), factor.get(id(p), 1.0)
        empty = {"params": [], "domain": domain, "factor": rate, "name": _name(domain, rate)}
        groups.setdefault((domain, rate), empty)["params"].append(p)
    return list(groups.values())


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that an optimiser has, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def _name(domain: str | None, factor: float) -> str:
    return f"{domain or SHARED}*{factor:g}"


class _StepsOnlyActive:
    """An optimiser that leaves the groups of idle domains alone.

    DeepSpeed calls ``step`` once for all groups (stage 0), once a group (1, 2) or once a sub-group
    (3, which never mixes groups). An idle group keeps weights, moments and step count to the bit.
    """

    active: frozenset[str] | None = None
    """Domains of the step about to be taken; None fails loudly."""

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        groups = self.param_groups
        active = self.active
        if active is None:
            raise RuntimeError("the optimiser was not told which domains are active")
        self.param_groups = [g for g in groups if g["domain"] is None or g["domain"] in active]
        try:
            return super().step(closure)  # pyright: ignore[reportAttributeAccessIssue]
        finally:
            self.param_groups = groups


class AdamW(_StepsOnlyActive, torch.optim.AdamW):
    """Torch's AdamW that steps only the active domains."""


class SGD(_StepsOnlyActive, torch.optim.SGD):
    """Torch's SGD that steps only the active domains."""


Optimizer = AdamW | SGD


def moment_names(optimizer: Optimizer) -> tuple[str, ...]:
    """Names of the tensors that the optimiser keeps for each parameter."""
    return ("exp_avg", "exp_avg_sq") if isinstance(optimizer, AdamW) else ("momentum_buffer",)


def step_counts(optimizer: Optimizer, keys: list[Tensor]) -> dict[str, int]:
    """Steps of each group, read at one of its tensors; 0 where the optimiser counts none."""
    return {
        group["name"]: int(optimizer.state[key].get("step", 0))
        for group, key in zip(optimizer.param_groups, keys, strict=True)
    }


def fresh_state(tensor: Tensor, optimizer: Optimizer) -> dict[str, Tensor]:
    """What the optimiser keeps for ``tensor`` before its first step: zeros."""
    state = {name: torch.zeros_like(tensor) for name in moment_names(optimizer)}
    return state | ({"step": torch.tensor(0.0)} if isinstance(optimizer, AdamW) else {})


def build_optimizer(groups: list[Group], config: OptimConfig) -> Optimizer:
    """The configured optimiser over ``groups``; a momentum that cycles is set at each step.

    SGD's dampening is 0, so that a momentum of zeros is the same as none (torch's first step).
    """
    if config.kind == "adamw":
        return AdamW(groups, lr=config.rate, betas=config.betas, weight_decay=config.decay)
    momentum = config.momentum_cycle[0] if config.momentum_cycle else config.momentum
    return SGD(
        groups,
        lr=config.rate,
        momentum=momentum,
        nesterov=config.nesterov and momentum > 0,
        weight_decay=config.decay,
    )


def learning_rate(step: int, steps: int, config: OptimConfig) -> float:
    """Rate of update ``step`` of ``steps``: OneCycle with cosine annealing (Smith and Topin 2017).

    It equals `torch.optim.lr_scheduler.OneCycleLR` after ``step`` of its own steps.
    """
    start = config.rate / config.start_divisor
    return _cycle(step, steps, config.warm_share, (start, config.rate, start / config.end_divisor))


def momentum(step: int, steps: int, config: OptimConfig) -> float | None:
    """Momentum of update ``step``, the rate's cycle upside down; None where it does not change."""
    if config.momentum_cycle is None:
        return None
    calm, peak = config.momentum_cycle
    return _cycle(step, steps, config.warm_share, (calm, peak, calm))


def _cycle(step: int, steps: int, warm_share: float, values: tuple[float, float, float]) -> float:
    """From the first value to the second in the warm share of the steps, then to the last."""
    first, second, last = values
    peak = warm_share * steps - 1
    if step <= peak:
        return _cosine(first, second, step / peak if peak > 0 else 1.0)
    return _cosine(second, last, (step - peak) / max(steps - 1 - peak, 1e-12))


def _cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) / 2 * (1 + math.cos(math.pi * min(share, 1.0)))


def set_rate(optimizer: Optimizer, rate: float, momentum: float | None = None) -> None:
    """Give each group ``rate`` times its factor and, where it is said, ``momentum``."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
        if momentum is None:
            continue
        if isinstance(optimizer, SGD):
            group["momentum"] = momentum
        else:
            group["betas"] = (momentum, group["betas"][1])
