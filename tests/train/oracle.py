"""The oracle of the laws: one process, separate parameters, torch's own norm and optimisers."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ppt_dist.train.optim import learning_rate, momentum
from tests.train.law_case import (
    CLASSES,
    CLIP,
    STEPS,
    Case,
    domains_of,
    make_net,
    micro_lots,
    scene,
)


class Answer(NamedTuple):
    losses: list[float]
    norms: list[float]
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]
    counts: dict[str, int]
    running: dict[str, Tensor]


def solve(case: Case, dtype: torch.dtype = torch.float32) -> Answer:
    """Ten steps of the case, with nothing of ours but the initial values and the data."""
    net = make_net()
    w = {k: p.detach().to(dtype).requires_grad_() for k, p in net.named_parameters()}
    running = {k: v.to(dtype) for k, v in net.state_dict().items() if ".running." in k}
    optimizers = {owner: _optimizer(case, w, owner) for owner in ("shared", *CLASSES)}
    losses, norms, counts = [], [], dict.fromkeys(optimizers, 0)
    for step in range(STEPS):
        domains = domains_of(step, case)
        for turn, domain in enumerate(domains):
            loss = _lot_loss(w, running, step, turn, domain, case)
            (loss / case.lots).backward()
            losses.append(float(loss.detach()))
        norms.append(float(torch.nn.utils.clip_grad_norm_(w.values(), CLIP)))
        for owner in {"shared", *domains}:
            for group in optimizers[owner].param_groups:
                group["lr"] = learning_rate(step, STEPS, case.optim) * group["factor"]
                _cycle(group, momentum(step, STEPS, case.optim))
            optimizers[owner].step()
            counts[owner] += 1
        for p in w.values():
            p.grad = None
    moments = {
        f"{moment}/{name}": optimizers[_owner(name)].state[p][moment]
        for name, p in w.items()
        for moment in _moments(case)
        if moment in optimizers[_owner(name)].state[p]
    }
    weights = {name: p.detach() for name, p in w.items()}
    return Answer(losses, norms, weights, moments, counts, running)


def _cycle(group: dict, momentum: float | None) -> None:
    if momentum is not None and "betas" in group:
        group["betas"] = (momentum, 0.999)
    elif momentum is not None:
        group["momentum"] = momentum


def _moments(case: Case) -> tuple[str, ...]:
    return ("exp_avg", "exp_avg_sq") if case.optimizer == "adamw" else ("momentum_buffer",)


def _owner(name: str) -> str:
    last = name.rsplit(".", 1)[-1]
    return last if last in CLASSES else "shared"


def _optimizer(case: Case, w: dict[str, Tensor], owner: str) -> torch.optim.Optimizer:
    def factor(name: str) -> float:
        return 0.5 if name.startswith("prompts") else 0.1 if ".modulation." in name else 1.0

    names = [name for name in w if _owner(name) == owner]
    groups = [
        {"params": [w[n] for n in names if factor(n) == f], "factor": f}
        for f in sorted({factor(n) for n in names})
    ]
    if case.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.999), weight_decay=0.05)
    return torch.optim.SGD(groups, lr=1.0, momentum=0.9, nesterov=True, weight_decay=0.05)


def _lot_loss(w, running, step, turn, domain, case) -> Tensor:
    total, mass = torch.zeros((), dtype=w["first.weight"].dtype), 0.0
    class_weight = torch.linspace(0.5, 1.5, CLASSES[domain]).to(total.dtype)
    for members in micro_lots(case):
        scenes = [scene(step, turn, i, domain) for i in members]
        feat = torch.cat([f for f, _ in scenes]).to(total.dtype)
        label = torch.cat([y for _, y in scenes])
        x = feat
        for layer in ("first", "second"):
            x = F.linear(x, w[f"{layer}.weight"])
            x = _norm(x, w, running, f"{layer}_norm", domain).relu()
        logits = x @ w[f"head.{domain}"].T
        total = total + F.cross_entropy(
            logits, label, class_weight, ignore_index=-1, reduction="sum"
        )
        mass = mass + class_weight[label[label >= 0]].sum()
    return total / mass


def _norm(x: Tensor, w, running, norm: str, domain: str) -> Tensor:
    mean, var = (running[f"{norm}.running.{kind}.{domain}"] for kind in ("mean", "var"))
    y = F.batch_norm(x, mean, var, None, None, True, 0.1, 1e-3)
    y = y * w[f"{norm}.weight.{domain}"] + w[f"{norm}.bias.{domain}"]
    code = F.silu(w[f"prompts.{domain}"])
    modulation = F.linear(
        code, w[f"{norm}.modulation.linear.weight"], w[f"{norm}.modulation.linear.bias"]
    )
    shift, scale = modulation.chunk(2)
    return y * (1 + scale) + shift
