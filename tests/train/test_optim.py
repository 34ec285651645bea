"""Parameter groups and the learning rate."""

import pytest
import torch
from torch import nn

from ppt_dist.run import OptimConfig, Rates
from ppt_dist.train.optim import (
    build_optimizer,
    by_domain,
    fresh_state,
    learning_rate,
    momentum,
    set_rate,
)
from tests.train.law_case import CLASSES, make_net
from tests.train.pair_case import Pair, make_model


def config(**changes):
    return OptimConfig(rate=0.1).model_copy(update=changes)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
@pytest.mark.parametrize("steps", [30, 61, 400])
@pytest.mark.parametrize("warm_share", [0.05, 0.3, 0.5])
def test_rates_and_momenta_are_those_of_torchs_one_cycle(kind, steps, warm_share):
    ours = config(warm_share=warm_share, momentum_cycle=(0.95, 0.85))
    parameter = nn.Parameter(torch.zeros(1))
    torchs = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}[kind]([parameter], lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        torchs,
        max_lr=ours.rate,
        total_steps=steps,
        pct_start=warm_share,
        div_factor=ours.start_divisor,
        final_div_factor=ours.end_divisor,
        base_momentum=0.85,
        max_momentum=0.95,
    )
    for step in range(steps):
        (group,) = torchs.param_groups
        told = group["momentum"] if kind == "sgd" else group["betas"][0]
        assert learning_rate(step, steps, ours) == pytest.approx(group["lr"], rel=1e-9)
        assert momentum(step, steps, ours) == pytest.approx(told, rel=1e-9)
        torchs.step()
        if step + 1 < steps:
            cycle.step()


def test_every_parameter_is_in_one_group_of_its_owner_and_factor():
    net = make_net()
    groups = by_domain(net, net.prompts, Rates(prompt=0.5, modulation=0.1))
    grouped = [p for group in groups for p in group["params"]]
    assert len(grouped) == len(list(net.parameters())) == len({id(p) for p in grouped})
    found = {group["name"]: group for group in groups}
    assert set(found) == {
        "shared*1", "shared*0.1", *(f"{d}*{f}" for d in CLASSES for f in ("1", "0.5"))
    }  # fmt: skip
    names = {id(p): name for name, p in net.named_parameters()}
    assert {names[id(p)] for p in found["alpha*0.5"]["params"]} == {"prompts.alpha"}
    assert all("modulation" in names[id(p)] for p in found["shared*0.1"]["params"])
    assert all(names[id(p)].endswith(".alpha") for p in found["alpha*1"]["params"])


def test_the_row_of_every_domain_is_shared_and_what_nobody_reads_is_in_no_group():
    pair = Pair("none", "decoupled", "plain", "sgd")
    model = make_model(pair)
    groups = by_domain(model, model.prompts, Rates(prompt=0.5))
    names = {id(p): name for name, p in model.named_parameters()}
    owned = {names[id(p)]: group["name"] for group in groups for p in group["params"]}
    assert owned["backbone.stem_norm.weight.every_domain"] == "shared*1"
    assert owned["head.bias.beta"] == "beta*1"
    assert not any(name.startswith("prompts") for name in owned)
    assert len(owned) == len(names) - len(CLASSES)


@pytest.mark.parametrize("adapter", ["pdnorm", "injection", "attention"])
def test_every_layer_that_takes_the_prompt_in_learns_at_the_rate_of_modulation(adapter):
    model = make_model(Pair(adapter, "decoupled", "plain", "sgd"))
    groups = by_domain(model, model.prompts, Rates(prompt=0.5, modulation=0.1))
    names = {id(p): name for name, p in model.named_parameters()}
    slow = {names[id(p)] for g in groups if g["factor"] == 0.1 for p in g["params"]}
    assert slow == {n for n in names.values() if "modulation" in n or "enter_" in n}
    assert slow


def test_each_group_gets_the_rate_times_its_factor():
    net = make_net()
    optimizer = build_optimizer(by_domain(net, net.prompts, Rates(prompt=0.5)), config())
    set_rate(optimizer, 0.2)
    assert {g["name"]: g["lr"] for g in optimizer.param_groups if g["domain"] == "beta"} == {
        "beta*1": 0.2,
        "beta*0.5": 0.1,
    }


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_a_momentum_takes_the_place_of_each_groups_and_none_leaves_it(kind):
    net = make_net()
    optimizer = build_optimizer(by_domain(net, net.prompts, Rates()), config(kind=kind))

    def momenta():
        groups = optimizer.param_groups
        return {g["momentum"] if kind == "sgd" else g["betas"] for g in groups}

    set_rate(optimizer, 0.2)
    assert momenta() == {0.9 if kind == "sgd" else (0.9, 0.999)}
    set_rate(optimizer, 0.2, 0.87)
    assert momenta() == {0.87 if kind == "sgd" else (0.87, 0.999)}
    assert momentum(3, 10, config(kind=kind)) is None


def test_nesterov_needs_a_momentum_and_a_cycle_is_one():
    def optimizer(**changes):
        group = {"params": [nn.Parameter(torch.zeros(1))], "domain": None, "factor": 1.0}
        return build_optimizer([group], config(kind="sgd", **changes))

    assert not optimizer(momentum=0.0).defaults["nesterov"]
    assert optimizer(momentum=0.0, momentum_cycle=(0.95, 0.85)).defaults["nesterov"]


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_a_step_without_the_word_which_domains_are_there_fails_loudly(kind):
    net = make_net()
    optimizer = build_optimizer(by_domain(net, net.prompts, Rates()), config(kind=kind))
    with pytest.raises(RuntimeError, match="which domains are active"):
        optimizer.step()


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_a_state_of_zeros_is_the_same_as_none(kind):
    results = []
    for fresh in (False, True):
        p = nn.Parameter(torch.tensor([1.0, -2.0]))
        group = {"params": [p], "domain": None, "factor": 1.0, "name": "shared*1"}
        optimizer = build_optimizer([group], config(kind=kind, decay=0.1))
        optimizer.active = frozenset()
        if fresh:
            optimizer.state[p] = fresh_state(p, optimizer)
        for _ in range(2):
            p.grad = torch.tensor([0.3, 0.4])
            optimizer.step()
        results.append(p.detach().clone())
    assert torch.equal(*results)
