"""The demo's yardstick: a random forest that sees voxels one by one. The door to scikit-learn."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor

from ppt_dist.scene.batch import SceneBatch
from ppt_dist.scene.scene import UNLABELLED
from ppt_dist.section import BadInput
from ppt_dist.stream.rank import Rank
from ppt_dist.train.evaluate import EvalScenes, Evaluation, Forward, evaluate
from ppt_dist.train.restore import alone

CHANNELS = ("height", "color", "normal")
"""Features that the forest is meant to see."""

_SEED = 0


def forest_baseline(
    train: Mapping[str, EvalScenes], val: Mapping[str, EvalScenes], jobs: int
) -> dict[str, Evaluation]:
    """A forest for each domain, fitted to all labelled voxels of ``train``, scored on ``val``.

    Args:
        train: scenes by domain, with `CHANNELS` as features, not augmented.
        val: the same of the validation split.
        jobs: threads; the result does not depend on it.

    Raises:
        BadInput: a domain has no labelled voxel to learn from.
    """
    results: dict[str, Evaluation] = {}
    for domain, scenes in val.items():
        forward = _fit(domain, train[domain], jobs)
        results |= evaluate(forward, {domain: scenes}, Rank(0, 1), alone, _silent)
    return results


def _fit(domain: str, scenes: EvalScenes, jobs: int) -> Forward:
    """A forest of scikit-learn's defaults (100 trees), as something that gives logits."""
    feat, label = labelled_voxels(scenes)
    if not len(label):
        raise BadInput(f"domain {domain} has no labelled voxel: pack more training scenes")
    forest = RandomForestClassifier(n_estimators=100, random_state=_SEED, n_jobs=jobs)
    forest.fit(feat, label)
    classes = len(scenes.labels)

    def forward(batch: SceneBatch) -> Float[Tensor, "voxels classes"]:
        share = np.zeros((len(batch.feat), classes))
        share[:, forest.classes_] = forest.predict_proba(batch.feat.numpy())
        return torch.from_numpy(share)

    return forward


def labelled_voxels(
    scenes: EvalScenes,
) -> tuple[Float32[np.ndarray, "voxels channels"], Int64[np.ndarray, " voxels"]]:
    """Features and labels of all voxels that have a label, scene after scene."""
    feats = [np.zeros((0, scenes.channels), np.float32)]
    labels = [np.zeros(0, np.int64)]
    for scene in map(scenes.read, range(scenes.count)):
        labelled = scene.label != UNLABELLED
        feats.append(scene.feat[labelled])
        labels.append(scene.label[labelled].astype(np.int64))
    return np.concatenate(feats), np.concatenate(labels)


def _silent(_domain: str) -> None:
    return
