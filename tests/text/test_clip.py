"""Real vectors of CLIP ViT-B/16 as the head would get them."""

import json

import numpy as np
import pytest

from ppt_dist.scene.labels import LabelSet
from ppt_dist.section import BadInput
from ppt_dist.text.vectors import WordVectors, look_up, read_vectors, write_vectors

pytestmark = pytest.mark.shared


def stored(folder, name, words):
    array = np.load(folder / "clip_text" / f"{name}.npy", allow_pickle=False)
    return WordVectors("ViT-B-16", "given", "63 templates", tuple(words), array.astype(np.float32))


def labels(words):
    return LabelSet(names=tuple(words), words=tuple(words))


def test_car_and_truck_and_fork_and_spoon_are_nearest_to_each_other(shared, tmp_path):
    words = json.loads((shared / "clip_text" / "coco_panoptic133.names.json").read_text())
    write_vectors(tmp_path / "coco.st", stored(shared, "coco_panoptic133_vitb16_512", words))

    vectors = look_up(read_vectors(tmp_path / "coco.st"), labels(words))

    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(133), abs=1e-3)
    cosine = vectors @ vectors.T - 2 * np.eye(133, dtype=np.float32)
    nearest = {word: words[int(row.argmax())] for word, row in zip(words, cosine, strict=True)}
    pairs = {"car": "truck", "truck": "car", "fork": "spoon", "spoon": "fork"}
    assert {word: nearest[word] for word in pairs} == pairs


def test_words_of_the_indoor_union_with_a_row_of_zeros_are_reported_as_absent(shared):
    table = json.loads((shared / "clip_text" / "indoor36.provenance.json").read_text())
    words = [row["name"] for row in table]
    vectors = stored(shared, "indoor36_vitb16_512", words)
    absent = [word for word, row in zip(words, vectors.vectors, strict=True) if not row.any()]

    with pytest.raises(BadInput, match="--word beam --word") as refused:
        look_up(vectors, labels(words))

    assert {"beam", "clutter", "bookcase"} <= set(absent)
    assert all(repr(word) in str(refused.value) for word in absent)
    present = [word for word in words if word not in absent]
    assert look_up(vectors, labels(present)).shape == (len(present), 512)
