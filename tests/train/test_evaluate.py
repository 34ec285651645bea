import json
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score

from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.voxel import VoxelScene
from ppt_dist.stream.rank import Rank
from ppt_dist.train.evaluate import EvalScenes, evaluate, spread, turns, write_evaluation

LABELS = LabelSet(names=("wall", "chair", "lamp"), words=("wall", "chair", "lamp"))


def make_scene(i, voxels=6, points=20):
    dice = np.random.Generator(np.random.Philox(key=i))
    return VoxelScene(
        name=f"scene{i}",
        grid=dice.integers(0, 9, (voxels, 3), dtype=np.int32),
        feat=dice.random((voxels, 3), dtype=np.float32),
        label=dice.integers(-1, 3, voxels, dtype=np.int16),
        inverse=dice.integers(0, voxels, points + i),
        point_label=dice.integers(-1, 3, points + i, dtype=np.int16),
    )


def domain(count):
    return EvalScenes(LABELS, 3, count, make_scene)


def forward(batch):
    return batch.feat


def quiet(_domain):
    pass


def evaluate_on(ranks, scenes):
    """Evaluation of each of ``ranks`` ranks run in turn: sums are taken over recorded parts."""
    sent = []
    for index in range(ranks):
        mine = []
        evaluate(
            forward, scenes, Rank(index, ranks), lambda t, mine=mine: (mine.append(t), t)[1], quiet
        )
        sent.append(mine)
    totals = [torch.stack(parts).sum(0) for parts in zip(*sent, strict=True)]
    return evaluate(forward, scenes, Rank(0, ranks), lambda _t: totals.pop(0), quiet)


@pytest.mark.parametrize("ranks", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("count", [1, 5, 6])
def test_each_scene_has_one_turn_on_one_rank_and_all_ranks_have_equally_many(ranks, count):
    taken = [list(turns(count, Rank(index, ranks))) for index in range(ranks)]

    assert len({len(part) for part in taken}) == 1
    assert sorted(i for part in taken for i in part if i is not None) == list(range(count))


@pytest.mark.parametrize("ranks", [2, 3, 7])
def test_the_scores_do_not_depend_on_the_number_of_ranks(ranks):
    scenes = {"a": domain(5), "b": domain(2)}

    alone, together = evaluate_on(1, scenes), evaluate_on(ranks, scenes)

    assert {d: (e.scores, e.points) for d, e in alone.items()} == {
        d: (e.scores, e.points) for d, e in together.items()
    }
    assert alone["a"].points == sum(20 + i for i in range(5))


def test_a_rank_without_a_scene_still_calls_the_model_with_an_empty_batch():
    sizes = []

    def counted(batch):
        sizes.append((batch.domain, len(batch.feat)))
        return batch.feat

    evaluate(counted, {"a": domain(3)}, Rank(1, 2), lambda t: t, quiet)

    assert sizes == [("a", 6), ("a", 0)]


def test_scores_are_those_of_all_original_points():
    true, predicted = [], []
    for scene in map(make_scene, range(4)):
        assert scene.inverse is not None
        true.append(scene.point_label)
        predicted.append(scene.feat.argmax(1)[scene.inverse])
    true, predicted = np.concatenate(true), np.concatenate(predicted)
    known = true >= 0

    result = evaluate_on(1, {"a": domain(4)})["a"]

    every: Any = {"average": None}
    oracle = np.asarray(jaccard_score(true[known], predicted[known], **every))
    assert list(result.scores.iou.values()) == pytest.approx(oracle)


def test_points_of_one_voxel_share_its_prediction():
    scene = make_scene(0)
    logits = torch.eye(6)

    _, prediction = spread(scene, logits)

    assert scene.inverse is not None
    assert prediction.tolist() == scene.inverse.tolist()


def test_the_written_result_holds_these_keys(tmp_path):
    results = evaluate_on(1, {"a": domain(2)})

    table = write_evaluation(tmp_path, "step-00000012", "abc", results)

    assert json.loads((tmp_path / "evaluation" / "step-00000012.json").read_text()) == table
    assert list(table) == ["format", "checkpoint", "digest", "domains"]
    assert list(table["domains"]["a"]) == [
        "miou",
        "macc",
        "allacc",
        "iou",
        "miou_present",
        "macc_present",
        "present",
        "points",
        "seconds",
        "points_per_s",
    ]
    assert list(table["domains"]["a"]["iou"]) == ["wall", "chair", "lamp"]
