import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score

from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.scene import Scene
from ppt_dist.scene.voxel import VoxelScene, occupied_voxels
from ppt_dist.section import BadInput
from ppt_dist.stream.rank import Rank
from ppt_dist.train.evaluate import (
    EvalScenes,
    evaluate,
    turns,
    write_evaluation,
    write_looks,
)
from ppt_dist.train.look import MOST, Look, read_look
from ppt_dist.train.tally import to_points

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
    return EvalScenes(LABELS, 3, count, make_scene, look, tuple(f"scene{i}" for i in range(count)))


def look(i, prediction):
    scene = make_scene(i)
    assert scene.point_label is not None
    nowhere = np.zeros((len(prediction), 3), np.float32)
    return Look(scene.name, nowhere, None, scene.point_label, prediction)


def forward(batch):
    return batch.feat


def quiet(_domain):
    pass


def evaluate_on(ranks, scenes):
    """Evaluation of each of ``ranks`` ranks run in turn: sums are taken over recorded parts."""
    return evaluate_on_all(ranks, scenes)[0]


def evaluate_on_all(ranks, scenes):
    """The same, as each rank sees it."""
    sent = []
    for index in range(ranks):
        mine = []
        evaluate(
            forward, scenes, Rank(index, ranks), lambda t, mine=mine: (mine.append(t), t)[1], quiet
        )
        sent.append(mine)
    totals = [torch.stack(parts).sum(0) for parts in zip(*sent, strict=True)]
    found = []
    for index in range(ranks):
        left = iter(totals)
        found.append(
            evaluate(forward, scenes, Rank(index, ranks), lambda _t, x=left: next(x), quiet)
        )
    return found


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

    assert {d: (e.scores, e.points, e.scenes) for d, e in alone.items()} == {
        d: (e.scores, e.points, e.scenes) for d, e in together.items()
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

    _, prediction = to_points(scene, logits)

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
        "confusion",
        "scenes",
    ]
    assert list(table["domains"]["a"]["iou"]) == ["wall", "chair", "lamp"]


def test_a_scene_alone_has_its_own_score_and_the_confusions_add_up():
    whole = evaluate_on(1, {"a": domain(4)})["a"]
    alone = [evaluate_on(1, {"a": only(i)})["a"] for i in range(4)]

    assert torch.equal(whole.matrix, torch.stack([part.matrix for part in alone]).sum(0))
    for i, part in enumerate(alone):
        assert whole.scenes[f"scene{i}"].miou_present == part.scores.miou_present
        assert whole.scenes[f"scene{i}"].allacc == pytest.approx(part.scores.allacc)


def only(i):
    return EvalScenes(
        LABELS, 3, 1, lambda _: make_scene(i), lambda _, p: look(i, p), (f"scene{i}",)
    )


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_the_worst_and_the_best_scene_are_each_kept_by_one_rank(ranks):
    scenes = {"a": domain(5)}
    scores = {n: s.miou_present for n, s in evaluate_on(1, scenes)["a"].scenes.items()}
    sums = evaluate_on_all(ranks, scenes)

    kept = [(kind, look.scene) for result in sums for kind, look in result["a"].looks.items()]

    assert sorted(kept) == [
        ("best", max(scores, key=scores.__getitem__)),
        ("worst", min(scores, key=scores.__getitem__)),
    ]


def test_a_domain_without_a_label_has_no_worst_scene():
    blind = replace(domain(2), read=unlabelled)

    result = evaluate_on(1, {"a": blind})["a"]

    assert result.looks == {}
    assert result.scores.miou_present == 0


def unlabelled(i):
    scene = make_scene(i)
    assert scene.point_label is not None
    return replace(scene, point_label=np.full_like(scene.point_label, -1))


def test_a_look_comes_back_as_it_was_written(tmp_path):
    results = evaluate_on(1, {"a": domain(5)})

    write_looks(tmp_path, "step-00000012", results)

    for kind, kept in results["a"].looks.items():
        found = read_look(tmp_path / f"evaluation/step-00000012/a-{kind}.safetensors")
        assert (found.scene, found.color) == (kept.scene, None)
        assert np.array_equal(found.label, kept.label)
        assert np.array_equal(found.prediction, kept.prediction)


def test_a_look_has_one_point_a_voxel_and_no_more_than_fit_on_a_page():
    dice = np.random.Generator(np.random.Philox(key=3))
    coord = dice.random((60_000, 3), dtype=np.float32)
    none = np.full(len(coord), -1)
    scene = Scene("many", coord, none.astype(np.int16), none.astype(np.int32))
    prediction = dice.integers(0, 3, len(coord), dtype=np.int16)

    fine, coarse = (Look.of(scene, prediction, edge) for edge in (0.001, 0.1))

    assert len(fine.coord) == MOST
    assert len(coarse.coord) == occupied_voxels(coord, 0.1)
    place = {tuple(row): i for i, row in enumerate(coord.tolist())}
    rows = [place[tuple(row)] for row in fine.coord[:50].tolist()]
    assert np.array_equal(prediction[rows], fine.prediction[:50])


def test_a_file_that_is_no_look_is_refused_by_name(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"x")
    for name in ("x", "absent"):
        with pytest.raises(BadInput, match=rf"{name}\.safetensors: not a scored scene"):
            read_look(tmp_path / f"{name}.safetensors")
