"""The loss: a sum that ranks and micro-lots only add, against torch's own cross-entropy."""

import pytest
import torch
from torch.nn import functional as F

from ppt_dist.train.loss import CrossEntropy, class_weights


@pytest.fixture
def logits():
    return torch.randn(40, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def label():
    return torch.randint(-1, 5, (40,), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("balance", [0.0, 0.3, 1.0])
def test_sum_over_mass_is_torchs_weighted_mean_however_the_voxels_are_split(logits, label, balance):
    weights = class_weights((1, 10, 100, 1000, 10_000), balance)
    loss = CrossEntropy({"a": weights})
    whole = F.cross_entropy(logits, label, weights.double(), ignore_index=-1)
    parts = (slice(0, 7), slice(7, 7), slice(7, 40))
    total = sum(loss.total("a", logits[part], label[part]) for part in parts)
    mass = sum(loss.mass("a", label[part]) for part in parts)
    torch.testing.assert_close(total / mass, whole, rtol=1e-6, atol=1e-6)


def test_without_a_labelled_voxel_the_sum_is_zero_with_gradients_of_zeros(logits):
    loss = CrossEntropy({"a": torch.ones(5)})
    for count in (0, 40):
        some = logits[:count].clone().requires_grad_()
        total = loss.total("a", some, torch.full((count,), -1))
        total.backward()
        assert total.item() == 0
        assert some.grad is not None
        assert not some.grad.any()
        assert float(loss.mass("a", torch.full((count,), -1))) == 0


def test_without_balance_every_class_weighs_one():
    assert class_weights((5, 0, 900), 0.0).tolist() == [1, 1, 1]


def test_weights_are_frequencies_to_the_power_of_minus_balance_and_one_on_average():
    points = torch.tensor([100.0, 400.0, 0.0, 1500.0])
    weights = class_weights((100, 400, 0, 1500), 0.5)
    assert float(weights[0] / weights[1]) == pytest.approx(2.0)
    assert float(weights[2]) == 1
    assert float((weights * points).sum() / points.sum()) == pytest.approx(1.0)


def test_a_split_without_points_weighs_every_class_one():
    assert class_weights((0, 0), 0.5).tolist() == [1, 1]
