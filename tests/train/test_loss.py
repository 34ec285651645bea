"""The terms of the loss: sums that ranks and micro-lots only add, against torch's own losses."""

import pytest
import torch
from torch.nn import functional as F

from ppt_dist.run import LossConfig
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.train.loss import Attraction, CrossEntropy, build_criterion, class_weights

LOGITS = torch.randn(40, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
LABEL = torch.randint(-1, 5, (40,), generator=torch.Generator().manual_seed(2))


def batch_of(label, sizes=None):
    """Labels as a batch of scenes of ``sizes``."""
    ends = torch.tensor(sizes or [len(label)]).cumsum(0)
    grid, feat = torch.zeros(len(label), 3, dtype=torch.int32), torch.zeros(len(label), 1)
    return SceneBatch("a", tuple(map(str, range(len(ends)))), grid, feat, label, ends)


@pytest.mark.parametrize("balance", [0.0, 0.3, 1.0])
def test_sum_over_mass_is_torchs_weighted_mean_however_the_voxels_are_split(balance):
    weights = class_weights((1, 10, 100, 1000, 10_000), balance)
    loss = CrossEntropy({"a": weights})
    whole = F.cross_entropy(LOGITS, LABEL, weights.double(), ignore_index=-1)
    parts = [
        (LOGITS[part], batch_of(LABEL[part])) for part in (slice(0, 7), slice(7, 7), slice(7, 40))
    ]
    total = sum(loss.total(batch, logits) for logits, batch in parts)
    mass = sum(loss.mass(batch) for _, batch in parts)
    torch.testing.assert_close(total / mass, whole, rtol=1e-6, atol=1e-6)


def test_attraction_is_the_mean_of_minus_the_logit_of_the_right_class():
    loss, batch = Attraction({"a": torch.ones(5)}), batch_of(LABEL)
    right = [float(LOGITS[i, y]) for i, y in enumerate(LABEL.tolist()) if y >= 0]
    mean = float(loss.total(batch, LOGITS) / loss.mass(batch))
    assert mean == pytest.approx(-sum(right) / len(right))


@pytest.mark.parametrize("attracts", [False, True])
@pytest.mark.parametrize("over", ["scene", "batch"])
@pytest.mark.parametrize("count", [0, 40])
def test_a_lot_without_a_labelled_voxel_has_loss_zero_with_gradients_of_zeros(
    attracts, over, count
):
    config = LossConfig(lovasz=1, lovasz_over=over)
    criterion = build_criterion(config, {"a": torch.ones(5)}, attracts=attracts)
    logits = LOGITS[:count].clone().requires_grad_()
    batch = batch_of(torch.full((count,), -1), [count, 0] if count else [0])
    masses = criterion.masses(batch)
    loss = criterion.total(batch, logits, masses)
    loss.backward()
    assert masses.tolist() == [0, 0]
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.shape == (count, 5)
    assert not logits.grad.any()


def test_the_criterion_adds_its_terms_with_their_factors_and_leaves_out_those_of_zero():
    weights = {"a": torch.ones(5)}
    batch = batch_of(LABEL, [10, 30])

    def loss(**factors):
        criterion = build_criterion(LossConfig(**factors), weights, attracts=False)
        return criterion.total(batch, LOGITS, criterion.masses(batch))

    both = loss(cross_entropy=2, lovasz=0.5)
    torch.testing.assert_close(both, 2 * loss() + 0.5 * loss(cross_entropy=0, lovasz=1))
    assert len(build_criterion(LossConfig(), weights, attracts=False).terms) == 1
