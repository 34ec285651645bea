"""``ppt-dist weights``, and the commands that go on from what it wrote."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ppt_dist.synth.make import scene_ids
from ppt_dist.train.checkpoint import CheckpointStore
from ppt_dist.train.published.config import read_config
from ppt_dist.train.published.counterpart import counterpart, layout_of
from ppt_dist.train.published.file import read_official
from tests.train.published.official import language_state, write_official_run


def ppt_dist(*words):
    program = Path(sys.executable).with_name("ppt-dist")
    command = [program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def imported(tmp_path, packed):
    """A run file and a run with imported weights."""
    run_file = write_official_run(tmp_path, packed)
    torch.save({"state_dict": language_state(norms=3)}, tmp_path / "official.pth")
    done = ppt_dist(
        "weights", "import", tmp_path / "official.pth", run_file, "--without", "Structured3D"
    )
    assert done.returncode == 0, done.stderr
    return run_file, done


@pytest.mark.slow
def test_imported_weights_are_evaluated_predicted_with_trained_and_exported(imported, raw):
    run_file, done = imported
    folder = run_file.parent / "mine"
    assert "S3DIS: 11 of 13 classes (ceiling against wall, wall against chair" in done.stderr

    scored = ppt_dist("evaluate", folder, "--json")
    room = raw / "s3dis" / scene_ids("s3dis", 3)[2]
    out = folder.parent / "out"
    guessed = ppt_dist("predict", folder, room, "--domain", "s3dis", "--out", out)
    trained = ppt_dist("train", run_file, "--local")
    exported = ppt_dist("weights", "export", folder, folder.parent / "back.pth", "--json")

    for ended in (scored, guessed, trained, exported):
        assert ended.returncode == 0, ended.stderr
    assert json.loads(scored.stdout)["checkpoint"] == "step-00000000"
    assert json.loads(exported.stdout)["checkpoint"] == "step-00000002"
    before, after = (read_official(folder.parent / n) for n in ("official.pth", "back.pth"))
    assert list(after.tensors) == list(before.tensors)
    moved = {k for k, v in before.tensors.items() if not torch.equal(after.tensors[k], v)}
    assert "backbone.conv_input.conv.weight" in moved
    assert not any("num_batches_tracked" in key for key in moved)
    assert "class_embedding" not in moved
    assert "backbone.conv_input.bn.bns.2.weight" not in moved  # Structured3D was left out


@pytest.mark.slow
def test_a_run_that_was_trained_here_is_exported_in_the_released_layout(tmp_path, packed):
    run_file = write_official_run(tmp_path, packed)
    assert ppt_dist("train", run_file, "--local").returncode == 0
    folder, file = tmp_path / "mine", tmp_path / "out" / "mine.pth"

    assert ppt_dist("weights", "export", folder, file).returncode == 0

    config, official = read_config(file.with_suffix(".json")), read_official(file).tensors
    assert config.conditions == ("ScanNet", "S3DIS")
    assert config.backbone.conditions == ("ScanNet", "S3DIS")
    assert official["class_embedding"].shape == (36, 384)
    assert int(official["backbone.dec.1.block0.bn2.bns.1.num_batches_tracked"]) == 0
    model = counterpart(config, layout_of(config, official), official)
    found = CheckpointStore(folder, 3).newest()
    assert found is not None
    for condition, domain in (("ScanNet", "scannet"), ("S3DIS", "s3dis")):
        own = found.state.tensors[f"buffer/head.words.{domain}"]
        k = ["ScanNet", "S3DIS"].index(condition)
        assert torch.equal(model.state_dict()[f"head.words.{condition}:{k}"], own)


def test_what_misfits_ends_with_exit_code_2_and_its_list(tmp_path, packed):
    run_file = write_official_run(tmp_path, packed)
    state = language_state(norms=3)
    del state["backbone.up.0.conv.weight"]
    torch.save(state, tmp_path / "official.pth")

    ended = ppt_dist(
        "weights", "import", tmp_path / "official.pth", run_file, "--without", "Structured3D"
    )

    assert ended.returncode == 2
    assert "1 missing:\n  backbone.up.0.conv.weight: float32 [6, 2, 2, 2, 10]" in ended.stderr
    assert not (tmp_path / "mine").exists()


@pytest.mark.shared
def test_parity_prints_json_and_ends_with_exit_code_1_on_a_difference(shared, tmp_path):
    good = shared / "parity/spunet_v1m3__ppt_v1m2.npz"
    with np.load(good) as file:
        arrays = dict(file)
    arrays["train/Waymo/loss"] = arrays["train/Waymo/loss"] + 1e-6
    np.savez(tmp_path / "bad.npz", **arrays)
    (tmp_path / "bad.json").write_text(good.with_suffix(".json").read_text())

    passed = ppt_dist("weights", "parity", good, "--json")
    failed = ppt_dist("weights", "parity", tmp_path / "bad.npz", "--json")

    assert (passed.returncode, failed.returncode) == (0, 1)
    assert json.loads(passed.stdout)["passed"] is True
    result = json.loads(failed.stdout)
    assert not result["passed"]
    assert not result["conditions"]["Waymo"]["loss"]["passed"]
    assert result["conditions"]["Waymo"]["logits64"]["passed"]
