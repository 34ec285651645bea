"""`Tally`: what some scenes of a domain scored, in sums that add up over ranks and tasks."""

import operator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int16, Int64
from torch import Tensor

from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.voxel import VoxelScene
from ppt_dist.train.metrics import confusion, score

POINTS, LABELLED, RIGHT, MIOU = range(4)
"""Columns of what is known of a scene."""


class Kept(NamedTuple):
    """A scene that may turn out the worst or the best of all."""

    scene: int
    miou: float
    prediction: Int16[np.ndarray, " points"]


_BEATS = {"worst": operator.lt, "best": operator.gt}


class Tally:
    """Sums, a row for each scene of the domain, and the worst and the best prediction so far."""

    def __init__(self, labels: LabelSet, scenes: int) -> None:
        self._labels = labels
        self.matrix: Int64[Tensor, "classes classes"]
        """Points by true and predicted class."""
        self.matrix = torch.zeros(len(labels), len(labels), dtype=torch.int64)
        self.by_scene: Float64[Tensor, "scenes 4"]
        """Points, labelled ones, right ones, mIoU over present classes; 0 until it is scored."""
        self.by_scene = torch.zeros(scenes, 4, dtype=torch.float64)
        self.kept: dict[str, Kept] = {}

    def add(
        self, i: int, label: Int64[Tensor, " points"], prediction: Int64[Tensor, " points"]
    ) -> None:
        """Count scene ``i``; scenes come in ascending order."""
        matrix, row = count(self._labels, label, prediction)
        self.matrix += matrix
        self.by_scene[i] = row
        if row[LABELLED]:
            self._keep(Kept(i, float(row[MIOU]), prediction.numpy().astype(np.int16)))

    def merge(self, other: "Tally") -> None:
        """Take in what another has counted, of other scenes."""
        self.matrix += other.matrix
        self.by_scene += other.by_scene
        for kept in other.kept.values():
            self._keep(kept)

    def _keep(self, scene: Kept) -> None:
        """As the worst or the best, where it is; of equals the first scene."""
        for kind, beats in _BEATS.items():
            held = self.kept.get(kind)
            first = held is not None and scene.miou == held.miou and scene.scene < held.scene
            if held is None or first or beats(scene.miou, held.miou):
                self.kept[kind] = scene


def count(
    labels: LabelSet, label: Int64[Tensor, " points"], prediction: Int64[Tensor, " points"]
) -> tuple[Int64[Tensor, "classes classes"], Float64[Tensor, " 4"]]:
    """A scene's confusion, and its row of `Tally.by_scene`."""
    matrix = confusion(label, prediction, len(labels))
    miou = score(matrix, labels).miou_present
    sums = [len(label), int(matrix.sum()), int(matrix.diagonal().sum()), miou]
    return matrix, torch.tensor(sums, dtype=torch.float64)


def extremes(by_scene: Float64[Tensor, "scenes 4"]) -> dict[str, int]:
    """The first of the worst and of the best scenes; only labelled ones count."""
    scored = [i for i in range(len(by_scene)) if by_scene[i, LABELLED] > 0]
    if not scored:
        return {}
    miou = by_scene[:, MIOU].tolist()
    return {"worst": min(scored, key=miou.__getitem__), "best": max(scored, key=miou.__getitem__)}


def to_points(
    scene: VoxelScene, logits: Float[Tensor, "voxels classes"]
) -> tuple[Int64[Tensor, " points"], Int64[Tensor, " points"]]:
    """Label and prediction of each original point: a point is predicted as its voxel is."""
    if scene.inverse is None or scene.point_label is None:
        raise ValueError(f"scene {scene.name} was voxelised without its inverse")
    prediction = logits.argmax(1).cpu()[torch.from_numpy(scene.inverse)]
    return torch.from_numpy(scene.point_label).long(), prediction
