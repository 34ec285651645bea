"""The oracle of the pairs: one process, torch's optimisers, an own one for each domain."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ppt_dist.model.prompt import Prompt
from ppt_dist.train.lovasz import lovasz_softmax
from ppt_dist.train.optim import learning_rate
from tests.train.law_case import CLASSES, CLIP, STEPS, domains_of, scene
from tests.train.pair_case import HEADS, PAIR_STEPS, Pair, class_weight, make_model, optim_of


class Answer(NamedTuple):
    losses: list[float]
    norms: list[float]
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]
    counts: dict[str, int]


def solve_pair(pair: Pair, dtype: torch.dtype) -> Answer:
    """Some steps; rows of a domain that is not in a step have no optimiser called."""
    model = make_model(pair).to(dtype)
    w = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizers = {owner: _optimizer(pair, w, owner) for owner in ("shared", *CLASSES)}
    optimizers = {owner: o for owner, o in optimizers.items() if o is not None}
    losses, norms, counts = [], [], dict.fromkeys(optimizers, 0)
    for step in range(PAIR_STEPS):
        domains = domains_of(step, pair.case)
        for turn, domain in enumerate(domains):
            loss = _lot_loss(model, pair, step, turn, domain)
            (loss / pair.case.lots).backward()
            losses.append(float(loss.detach()))
        norms.append(float(torch.nn.utils.clip_grad_norm_(w.values(), CLIP)))
        for owner in optimizers.keys() & {"shared", *domains}:
            for group in optimizers[owner].param_groups:
                group["lr"] = learning_rate(step, STEPS, optim_of(pair)) * group["factor"]
            optimizers[owner].step()
            counts[owner] += 1
        model.zero_grad(set_to_none=True)
    weights = {name: p.detach() for name, p in model.named_parameters()}
    return Answer(losses, norms, weights, _moments(pair, w, optimizers), counts)


def _lot_loss(model, pair: Pair, step: int, turn: int, domain: str) -> Tensor:
    dtype = next(model.parameters()).dtype
    scenes = [scene(step, turn, i, domain) for i in range(pair.case.scenes)]
    feat = torch.cat([f for f, _ in scenes]).to(dtype)
    label = torch.cat([y for _, y in scenes])
    prompt = Prompt(domain, model.prompts(domain))
    logits = model.head(model.backbone(None, None, feat, prompt), domain)
    kept, weight = label >= 0, class_weight(domain).to(dtype)
    w = weight[label[kept]]
    scores = logits if HEADS[pair.head].attracts else F.log_softmax(logits, 1)
    by_voxel = (w * -scores[kept, label[kept]]).sum() / w.sum()
    parts = zip(logits.split([len(y) for _, y in scenes]), (y for _, y in scenes), strict=True)
    by_scene = [lovasz_softmax(own, y) for own, y in parts if (y >= 0).any()]
    return by_voxel + 0.5 * torch.stack(by_scene).mean()


def _owner(name: str) -> str:
    last = name.rsplit(".", 1)[-1]
    return last if last in CLASSES else "shared"


def _factor(name: str) -> float:
    return (
        0.5
        if name.startswith("prompts")
        else 0.1
        if "modulation" in name or "enter" in name
        else 1.0
    )


def _optimizer(pair: Pair, w: Mapping[str, Tensor], owner: str) -> torch.optim.Optimizer | None:
    names = [name for name in w if _owner(name) == owner]
    groups = [
        {"params": [w[n] for n in names if _factor(n) == f], "factor": f}
        for f in sorted({_factor(n) for n in names})
    ]
    if not groups:
        return None
    if pair.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.999), weight_decay=0.05)
    return torch.optim.SGD(groups, lr=1.0, momentum=0.9, nesterov=True, weight_decay=0.05)


def _moments(pair: Pair, w: Mapping[str, Tensor], optimizers) -> dict[str, Tensor]:
    names = ("exp_avg", "exp_avg_sq") if pair.optimizer == "adamw" else ("momentum_buffer",)
    return {
        f"{moment}/{name}": optimizers[_owner(name)].state[p][moment]
        for name, p in w.items()
        for moment in names
    }
