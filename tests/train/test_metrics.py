from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, jaccard_score, recall_score

from ppt_dist.scene.labels import LabelSet
from ppt_dist.train.metrics import confusion, score


def labels(classes):
    names = tuple(f"c{i}" for i in range(classes))
    return LabelSet(names=names, words=names)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("absent", [0, 2])
def test_figures_equal_those_of_scikit_learn(seed, absent):
    dice = np.random.Generator(np.random.Philox(key=seed))
    classes = 7
    true = dice.integers(0, classes - absent, 500)
    predicted = np.where(dice.random(500) < 0.6, true, dice.integers(0, classes, 500))
    every: Any = {"labels": range(classes), "average": None, "zero_division": 0}

    scores = score(
        confusion(torch.from_numpy(true), torch.from_numpy(predicted), classes), labels(classes)
    )

    iou = np.asarray(jaccard_score(true, predicted, **every))
    recall = np.asarray(recall_score(true, predicted, **every))
    present = np.unique(true)
    assert list(scores.iou.values()) == pytest.approx(iou, abs=1e-9)
    assert scores.miou == pytest.approx(iou.mean(), abs=1e-9)
    assert scores.macc == pytest.approx(recall.mean(), abs=1e-9)
    assert scores.allacc == pytest.approx(accuracy_score(true, predicted), abs=1e-9)
    assert scores.miou_present == pytest.approx(iou[present].mean(), abs=1e-9)
    assert scores.macc_present == pytest.approx(recall[present].mean(), abs=1e-9)
    assert scores.present == tuple(f"c{i}" for i in present)


def test_an_absent_class_counts_as_zero_in_miou_and_not_at_all_in_miou_present():
    same = torch.tensor([0, 1])

    scores = score(confusion(same, same, 4), labels(4))

    assert scores.miou == pytest.approx(0.5)
    assert scores.miou_present == pytest.approx(1.0)
    assert scores.allacc == pytest.approx(1.0)


def test_unlabelled_points_change_nothing():
    true, predicted = torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0])
    more = torch.tensor([0, -1, 1, 1, -1]), torch.tensor([0, 0, 1, 0, 1])

    assert torch.equal(confusion(true, predicted, 2), confusion(*more, 2))
    assert confusion(true, predicted, 2).tolist() == [[1, 0], [1, 1]]


def test_no_labelled_point_scores_zero_without_a_fault():
    scores = score(torch.zeros(3, 3, dtype=torch.int64), labels(3))

    assert (scores.miou, scores.miou_present, scores.allacc, scores.present) == (0, 0, 0, ())
