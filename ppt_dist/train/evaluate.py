"""Evaluation: every validation scene of every domain once, scored on all its original points."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int16, Int64
from torch import Tensor

from ppt_dist.journal.durable import write_durably
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.voxel import VoxelScene
from ppt_dist.stream.rank import Rank
from ppt_dist.train.look import SUFFIX, Look
from ppt_dist.train.metrics import Scores, score
from ppt_dist.train.tally import (
    LABELLED,
    MIOU,
    POINTS,
    RIGHT,
    Tally,
    extremes,
    to_points,
)

EVALUATION = "evaluation"
"""Folder of the results below a run's folder."""

FORMAT = 2
"""Version of the file; 2 has confusions and scores of scenes."""

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
    look: Callable[[int, Int16[np.ndarray, " points"]], Look]
    """Scene ``i`` with a prediction of its points, thinned."""
    names: tuple[str, ...]
    """Of the scenes."""


class SceneScore(NamedTuple):
    """What the model is worth on one scene."""

    miou_present: float
    """Mean IoU over the classes that the scene's truth holds; 0 where it holds none."""
    allacc: float
    """Share of the labelled points that are right."""
    points: int
    labelled: int


class Evaluation(NamedTuple):
    """What the model is worth on one domain."""

    scores: Scores
    matrix: Int64[Tensor, "classes classes"]
    """Points by true and predicted class."""
    scenes: dict[str, SceneScore]
    """Of each scene by its name."""
    looks: dict[str, Look]
    """The ``worst`` and the ``best`` scene by mIoU, as far as this rank scored them."""
    points: int
    """Points of all scenes, unlabelled ones among them."""
    seconds: float
    """Of all that computed it."""

    def figures(self) -> dict[str, Any]:
        """What is asked first; a function of weights and data, whoever computes it."""
        return {
            "miou": self.scores.miou,
            "macc": self.scores.macc,
            "allacc": self.scores.allacc,
            "iou": self.scores.iou,
            "miou_present": self.scores.miou_present,
            "macc_present": self.scores.macc_present,
            "present": list(self.scores.present),
            "points": self.points,
        }

    def pace(self) -> dict[str, float]:
        """How long it took."""
        return {
            "seconds": self.seconds,
            "points_per_s": self.points / max(self.seconds, 1e-9),
        }

    def table(self) -> dict[str, Any]:
        """All that is written."""
        scenes = {name: scene._asdict() for name, scene in self.scenes.items()}
        return self.figures() | {"confusion": self.matrix.tolist(), "scenes": scenes}


def evaluate(
    forward: Forward,
    scenes: Mapping[str, EvalScenes],
    rank: Rank,
    sum_tensor: Callable[[Tensor], Tensor],
    on_scene: Callable[[str], object],
) -> dict[str, Evaluation]:
    """The same result on every rank, but for the looks.

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
    tally = Tally(scenes.labels, scenes.count)
    for turn in turns(scenes.count, rank):
        scene = [] if turn is None else [scenes.read(turn)]
        logits = forward(SceneBatch.of(domain, scene, scenes.channels))
        for one in scene:
            tally.add(turn or 0, *to_points(one, logits))
        on_scene(domain)
    tally.matrix, tally.by_scene = sum_tensor(tally.matrix), sum_tensor(tally.by_scene)
    return conclude(scenes, tally, time.monotonic() - start)


def conclude(scenes: EvalScenes, tally: Tally, seconds: float) -> Evaluation:
    """The evaluation of a domain from the sums over all its scenes."""
    found = extremes(tally.by_scene)
    own = {kind: kept for kind, kept in tally.kept.items() if found.get(kind) == kept.scene}
    looks = {kind: scenes.look(kept.scene, kept.prediction) for kind, kept in own.items()}
    evaluation = evaluation_of(scenes.labels, scenes.names, tally.matrix, tally.by_scene)
    return evaluation._replace(looks=looks, seconds=seconds)


def evaluation_of(
    labels: LabelSet,
    names: tuple[str, ...],
    matrix: Int64[Tensor, "classes classes"],
    by_scene: Float64[Tensor, "scenes 4"],
) -> Evaluation:
    """What the sums over all scenes of a domain come to; without looks, in no time."""
    return Evaluation(
        scores=score(matrix, labels),
        matrix=matrix,
        scenes=_scene_scores(names, by_scene),
        looks={},
        points=int(by_scene[:, POINTS].sum()),
        seconds=0.0,
    )


def _scene_scores(
    names: tuple[str, ...], by_scene: Float64[Tensor, "scenes 4"]
) -> dict[str, SceneScore]:
    return {
        name: SceneScore(
            miou_present=row[MIOU],
            allacc=row[RIGHT] / max(row[LABELLED], 1),
            points=int(row[POINTS]),
            labelled=int(row[LABELLED]),
        )
        for name, row in zip(names, by_scene.tolist(), strict=True)
    }


def write_looks(run: Path, checkpoint: str, results: Mapping[str, Evaluation]) -> None:
    """Write this rank's ``<run>/evaluation/<checkpoint>/<domain>-<worst or best>.safetensors``."""
    for domain, result in results.items():
        for kind, look in result.looks.items():
            look.write(run / EVALUATION / checkpoint / f"{domain}-{kind}{SUFFIX}")


def write_evaluation(
    run: Path, checkpoint: str, digest: str, results: Mapping[str, Evaluation]
) -> dict[str, Any]:
    """Write ``<run>/evaluation/<checkpoint>.json``, after all looks, and return what it holds."""
    domains = {domain: result.table() for domain, result in results.items()}
    table = {"format": FORMAT, "checkpoint": checkpoint, "digest": digest, "domains": domains}
    content = json.dumps(table, indent=1, allow_nan=False) + "\n"
    write_durably(run / EVALUATION / f"{checkpoint}.json", content.encode())
    return table
