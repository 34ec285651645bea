"""Confusion matrix to mIoU, mAcc, allAcc: by the official definitions, and over present classes."""

from typing import NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor

from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.scene import UNLABELLED

_EPSILON = 1e-10
"""Keeps classes that are nowhere at 0 (Pointcept's evaluator)."""


class Scores(NamedTuple):
    """Quality on one domain; each figure lies in [0, 1]."""

    iou: dict[str, float]
    """``I / (U + 1e-10)`` of each class; 0 where a class is neither true nor predicted."""
    miou: float
    """Mean over ALL classes: one without a point counts as 0."""
    macc: float
    """Mean of ``I / (T + 1e-10)`` over ALL classes."""
    allacc: float
    """Share of the labelled points that are right."""
    miou_present: float
    """Mean IoU over the classes that the truth holds."""
    macc_present: float
    """Mean recall over the classes that the truth holds."""
    present: tuple[str, ...]
    """Classes that the truth holds."""


def confusion(
    label: Int64[Tensor, " points"], prediction: Int64[Tensor, " points"], classes: int
) -> Int64[Tensor, "classes classes"]:
    """Points by true and predicted class; unlabelled points are left out."""
    labelled = label != UNLABELLED
    cell = label[labelled] * classes + prediction[labelled]
    return torch.bincount(cell, minlength=classes * classes).view(classes, classes)


def score(matrix: Int64[Tensor, "classes classes"], labels: LabelSet) -> Scores:
    """The figures of a confusion matrix over ``labels``."""
    right = matrix.diagonal().double()
    true, predicted = matrix.sum(1).double(), matrix.sum(0).double()
    iou = right / (true + predicted - right + _EPSILON)
    recall = right / (true + _EPSILON)
    present = true > 0
    count = max(int(present.sum()), 1)
    return Scores(
        iou=dict(zip(labels.names, iou.tolist(), strict=True)),
        miou=float(iou.mean()),
        macc=float(recall.mean()),
        allacc=float(right.sum() / (true.sum() + _EPSILON)),
        miou_present=float(iou[present].sum() / count),
        macc_present=float(recall[present].sum() / count),
        present=tuple(n for n, here in zip(labels.names, present.tolist(), strict=True) if here),
    )
