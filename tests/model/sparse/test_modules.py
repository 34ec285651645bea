"""Convolutions as modules: shapes and the start of their weights."""

import math

import pytest
import torch

from ppt_dist.model.sparse.modules import Stride2Conv, SubmanifoldConv


def named(conv):
    return {name: tuple(p.shape) for name, p in conv.named_parameters()}


def test_each_has_one_parameter_in_spconvs_layout_and_no_bias():
    assert named(SubmanifoldConv(4, 7, 5)) == {"weight": (7, 5, 5, 5, 4)}
    assert named(Stride2Conv(4, 7)) == {"weight": (7, 2, 2, 2, 4)}


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def test_submanifold_weights_start_with_a_deviation_of_0_02():
    weight = SubmanifoldConv(32, 32, 3).weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert abs(weight.mean().item()) < 1e-3


def test_strided_weights_start_as_kaiming_uniform_with_a_of_sqrt_5():
    """Its bound is gain / sqrt(fan in) * sqrt(3) with gain sqrt(2 / (1 + 5)): 1 / sqrt(fan in)."""
    weight = Stride2Conv(16, 64).weight
    bound = 1 / math.sqrt(8 * 16)
    assert 0.99 * bound < weight.abs().max().item() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)
