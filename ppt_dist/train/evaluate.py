"""Evaluation: every validation scene of every domain once, scored on all its original points."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ppt_dist.journal.durable import write_durably
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.voxel import VoxelScene
from ppt_dist.stream.rank import Rank
from ppt_dist.train.metrics import Scores, confusion, score

EVALUATION = "evaluation"
"""Folder of the results below a run's folder."""

Forward = Callable[[SceneBatch], Float[Tensor, "voxels classes"]]


@dataclass(frozen=True)
class EvalScenes:
    """The validation scenes of a domain, voxelised when they are read."""

    labels: LabelSet
    channels: int
    """Width of the features."""
    count: int
    read: Callable[[int], VoxelScene]
    """Scene ``i``, not augmented, with ``inverse`` and ``point_label``."""


class Evaluation(NamedTuple):
    """What the model is worth on one domain."""

    scores: Scores
    points: int
    """Points of all scenes, unlabelled ones among them."""
    seconds: float

    def table(self) -> dict[str, Any]:
        """The figures as they are written and printed."""
        return {
            "miou": self.scores.miou,
            "macc": self.scores.macc,
            "allacc": self.scores.allacc,
            "iou": self.scores.iou,
            "miou_present": self.scores.miou_present,
            "macc_present": self.scores.macc_present,
            "present": list(self.scores.present),
            "points": self.points,
            "seconds": self.seconds,
            "points_per_s": self.points / max(self.seconds, 1e-9),
        }


def evaluate(
    forward: Forward,
    scenes: Mapping[str, EvalScenes],
    rank: Rank,
    sum_tensor: Callable[[Tensor], Tensor],
    on_scene: Callable[[str], object],
) -> dict[str, Evaluation]:
    """The same result on every rank.

    Args:
        forward: logits in evaluation mode; every rank calls it equally often, with an empty batch
            where it has no scene, because ZeRO-3 gathers parameters in it.
        scenes: by domain.
        rank: this process.
        sum_tensor: sum over all ranks.
        on_scene: told the domain after each call of ``forward``.
    """
    return {
        domain: _evaluate_domain(forward, domain, part, rank, sum_tensor, on_scene)
        for domain, part in scenes.items()
    }


def turns(count: int, rank: Rank) -> Iterator[int | None]:
    """Scene of each turn; None where others are still busy. ``count=5, of=2``: 0 2 4 | 1 3 None."""
    for first in range(0, count, rank.of):
        scene = first + rank.index
        yield scene if scene < count else None


def _evaluate_domain(
    forward: Forward,
    domain: str,
    scenes: EvalScenes,
    rank: Rank,
    sum_tensor: Callable[[Tensor], Tensor],
    on_scene: Callable[[str], object],
) -> Evaluation:
    start = time.monotonic()
    classes = len(scenes.labels)
    matrix = torch.zeros(classes, classes, dtype=torch.int64)
    points = torch.zeros((), dtype=torch.int64)
    for turn in turns(scenes.count, rank):
        scene = [] if turn is None else [scenes.read(turn)]
        logits = forward(SceneBatch.of(domain, scene, scenes.channels))
        for one in scene:
            label, prediction = spread(one, logits)
            matrix += confusion(label, prediction, classes)
            points += len(label)
        on_scene(domain)
    matrix, points = sum_tensor(matrix), sum_tensor(points)
    return Evaluation(score(matrix, scenes.labels), int(points), time.monotonic() - start)


def spread(
    scene: VoxelScene, logits: Float[Tensor, "voxels classes"]
) -> tuple[Int64[Tensor, " points"], Int64[Tensor, " points"]]:
    """Label and prediction of each original point: a point is predicted as its voxel is."""
    if scene.inverse is None or scene.point_label is None:
        raise ValueError(f"scene {scene.name} was voxelised without its inverse")
    prediction = logits.argmax(1).cpu()[torch.from_numpy(scene.inverse)]
    return torch.from_numpy(scene.point_label).long(), prediction


def write_evaluation(
    run: Path, checkpoint: str, digest: str, results: Mapping[str, Evaluation]
) -> dict[str, Any]:
    """Write ``<run>/evaluation/<checkpoint>.json`` and return what it holds."""
    domains = {domain: result.table() for domain, result in results.items()}
    table = {"format": 1, "checkpoint": checkpoint, "digest": digest, "domains": domains}
    content = json.dumps(table, indent=1, allow_nan=False) + "\n"
    write_durably(run / EVALUATION / f"{checkpoint}.json", content.encode())
    return table
