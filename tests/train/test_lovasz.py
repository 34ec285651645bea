"""Lovasz-softmax against the definition of the Lovasz extension, and what must not change it."""

from itertools import permutations

import pytest
import torch

from ppt_dist.train.lovasz import BatchLovasz, SceneLovasz, lovasz_softmax
from tests.train.test_loss import batch_of


def draw(voxels, classes, seed=0):
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(voxels, classes, generator=rng, dtype=torch.float64) * 2
    return logits, torch.randint(-1, classes, (voxels,), generator=rng)


def jaccard_loss(truth, wrong):
    """``1 - IoU`` of a class if exactly the voxels of the set ``wrong`` are labelled wrongly."""
    predicted = truth ^ wrong
    return 1 - len(truth & predicted) / len(truth | predicted)


def extension(errors, truth):
    """The largest over all orders of the sum of each error times what its voxel adds to the loss.

    The Jaccard loss is submodular, so its Lovasz extension is the support function of the base
    polytope, whose corners belong to the orders of the voxels (Lovasz 1983, Edmonds 1970).
    """
    best = 0.0
    for order in permutations(range(len(errors))):
        sets = [frozenset(order[:k]) for k in range(len(order) + 1)]
        values = [jaccard_loss(truth, chosen) for chosen in sets]
        sums = [errors[v] * (values[k + 1] - values[k]) for k, v in enumerate(order)]
        best = max(best, sum(sums))
    return best


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_mean_over_present_classes_of_the_extension_over_all_orders(seed):
    logits, label = draw(6, 3, seed)
    kept = [i for i, y in enumerate(label.tolist()) if y >= 0]
    likely = logits.softmax(1)
    losses = []
    for c in sorted({int(label[i]) for i in kept}):
        truth = frozenset(k for k, i in enumerate(kept) if label[i] == c)
        errors = [abs(float(likely[i, c]) - (k in truth)) for k, i in enumerate(kept)]
        losses.append(extension(errors, truth))
    assert float(lovasz_softmax(logits, label)) == pytest.approx(sum(losses) / len(losses))


def test_a_hard_prediction_costs_one_minus_the_mean_iou_of_the_present_classes():
    _, label = draw(50, 4)
    _, guess = draw(50, 4, seed=1)
    logits = 1000.0 * torch.nn.functional.one_hot(guess.clamp(min=0), 4).double()
    seen, guess = label[label >= 0], guess.clamp(min=0)[label >= 0]
    ious = [
        ((seen == c) & (guess == c)).sum() / ((seen == c) | (guess == c)).sum()
        for c in seen.unique()
    ]
    assert float(lovasz_softmax(logits, label)) == pytest.approx(1 - float(sum(ious)) / len(ious))


def test_its_gradient_equals_finite_differences():
    logits, label = draw(12, 4)
    assert torch.autograd.gradcheck(lambda x: lovasz_softmax(x, label), logits.requires_grad_())


def test_neither_the_order_of_voxels_nor_ignored_ones_nor_absent_classes_change_it():
    logits, label = draw(60, 5)
    label = label.masked_fill(label == 3, -1)
    loss = lovasz_softmax(logits, label)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(lovasz_softmax(logits[order], label[order]), loss)
    torch.testing.assert_close(lovasz_softmax(logits[label >= 0], label[label >= 0]), loss)
    assert 0 < float(loss) < 1
    logits = logits.requires_grad_()
    (slope,) = torch.autograd.grad(lovasz_softmax(logits, label), logits)
    assert not slope[label < 0].any()


def test_over_scenes_it_is_the_mean_of_those_with_a_label_however_they_are_split():
    logits, label = draw(60, 5)
    label[20:30] = -1
    sizes = [20, 10, 0, 30]
    term = SceneLovasz()
    whole = term.total(batch_of(label, sizes), logits)
    parts = (slice(0, 30), [20, 10]), (slice(30, 60), [0, 30])
    split = [term.total(batch_of(label[rows], own), logits[rows]) for rows, own in parts]
    masses = [float(term.mass(batch_of(label[rows], own))) for rows, own in parts]
    torch.testing.assert_close(sum(split), whole)
    assert masses == [1, 1]
    alone = lovasz_softmax(logits[:20], label[:20]) + lovasz_softmax(logits[30:], label[30:])
    torch.testing.assert_close(whole, alone)


def test_over_a_batch_scenes_are_one():
    logits, label = draw(60, 5)
    for sizes in ([60], [20, 40]):
        term, batch = BatchLovasz(), batch_of(label, sizes)
        assert term.total(batch, logits) == lovasz_softmax(logits, label)
        assert float(term.mass(batch)) == 1
