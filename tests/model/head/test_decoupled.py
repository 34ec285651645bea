"""The decoupled head: a linear layer of its own for each domain."""

import torch
from torch.nn import functional as F

from ppt_dist.model.head.decoupled import DecoupledConfig
from ppt_dist.model.head.head import DomainLabels
from tests.model.domains import numbered
from tests.model.sparse.cases import gradient, normal

CLASSES = {"scannet": 6, "s3dis": 4}


def make():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        domains = {name: DomainLabels(numbered(n)) for name, n in CLASSES.items()}
        return DecoupledConfig().build(3, domains)


def test_logits_are_those_of_the_domains_own_layer_and_others_get_zeros():
    head, feat = make(), normal(11, 3).float()
    for domain, classes in CLASSES.items():
        weight, bias = head.weight.get_parameter(domain), head.bias.get_parameter(domain)
        assert weight.shape == (classes, 3)
        torch.testing.assert_close(head(feat, domain), F.linear(feat, weight, bias))
    head(feat, "s3dis").sum().backward()
    assert not gradient(head.weight.get_parameter("scannet")).any()
    assert gradient(head.weight.get_parameter("s3dis")).any()


def test_weights_start_as_those_of_torchs_linear_layer():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        domains = {"many": DomainLabels(numbered(2000))}
        weight = DecoupledConfig().build(16, domains).weight.get_parameter("many")
    layer = torch.nn.Linear(16, 2000)
    assert float(weight.detach().std()) / float(layer.weight.detach().std()) - 1 < 0.02
    assert 0.24 < float(weight.detach().abs().max()) <= 0.25


def test_parameters_are_called_by_the_names_of_the_domains():
    assert list(make().state_dict()) == [
        "weight.scannet", "weight.s3dis", "bias.scannet", "bias.s3dis"
    ]  # fmt: skip


def test_no_voxel_gives_no_row_and_gradients_of_zeros():
    head = make()
    out = head(torch.zeros(0, 3), "s3dis")
    out.sum().backward()
    assert out.shape == (0, 4)
    assert all(p.grad is not None and not p.grad.any() for p in head.parameters())
