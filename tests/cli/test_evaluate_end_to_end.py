"""The command over a real checkpoint; packed records are stood in for by scenes in memory."""

import json
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.model.ppt import Parts, build_model
from ppt_dist.run import RunConfig
from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput, parse
from ppt_dist.shard.manifest import Manifest
from ppt_dist.train import scenes
from ppt_dist.train.checkpoint import CheckpointFacts, CheckpointStore
from ppt_dist.train.engine.buffers import buffers
from ppt_dist.train.restore import alone
from ppt_dist.train.state import EngineState
from tests.model.domains import with_vectors

NAMES = ("wall", "chair", "lamp")


def make_manifest(domain):
    return Manifest(
        domain=domain,
        title=domain,
        licence="none",
        recipe_sha256="0",
        grid=0.02,
        cost_grid=0.25,
        channels=("color",),
        labels=LabelSet(names=NAMES, words=NAMES),
        fields={},
        splits={},
    )


class StandIn:
    """Scenes in memory with the members of `Records` that evaluation reads."""

    manifest = make_manifest("a")
    names = ("s0", "s1", "s2")

    def __len__(self):
        return 3

    def __getitem__(self, i):
        dice = np.random.Generator(np.random.Philox(key=i))
        coord = dice.random((50 + i, 3), dtype=np.float32)
        segment = dice.integers(-1, 3, 50 + i, dtype=np.int16)
        instance = np.full(50 + i, -1, np.int32)
        color = dice.integers(0, 256, (50 + i, 3), dtype=np.uint8)
        return Scene(f"s{i}", coord, segment, instance, color)


def table(folder):
    model: dict[str, Any] = {
        "prompt": {"length": 8},
        "backbone": {
            "kind": "spunet",
            "stem_channels": 4,
            "stem_kernel": 3,
            "encoder_channels": [4],
            "encoder_depths": [1],
            "decoder_channels": [4],
            "decoder_depths": [1],
        },
        "adapter": {"kind": "pdnorm"},
        "head": {"kind": "language", "vectors": "/absent/vectors"},
    }
    domains = {name: {"shards": str(folder / name), "weight": 1} for name in ("a", "b")}
    return {
        "name": "tiny",
        "steps": 1,
        "domains": domains,
        "lots": {"scenes": 1},
        "model": model,
        "optim": {"rate": 0.1},
    }


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run's folder with one checkpoint of a fresh model over two domains."""
    monkeypatch.setattr(scenes.Records, "open", lambda _folder, _split: StandIn())
    given = table(tmp_path / "shards")
    config = parse(RunConfig, given, "test")
    digests = {}
    for name, use in config.domains.items():
        use.shards.mkdir(parents=True)
        (use.shards / "manifest.json").write_text(make_manifest(name).to_json())
        digests[name] = make_manifest(name).digest()
    parts = Parts(6, 8, config.model.backbone, config.model.adapter, config.model.head)
    model = build_model(parts, with_vectors(dict.fromkeys(digests, torch.eye(3, 5))), alone, seed=1)
    tensors = {f"weight/{name}": p.detach() for name, p in model.named_parameters()}
    facts = CheckpointFacts(order=1, ledger="", what={}, manifests=digests, attempt=1)
    folder = tmp_path / "run"
    store = CheckpointStore(folder, keep=2)
    store.save(12, EngineState(tensors | buffers(model), {}), facts)
    (folder / "run.toml").write_text(tomli_w.dumps(given))
    return folder


def test_the_printed_json_is_the_written_file_and_scores_every_domain(run):
    result = CliRunner().invoke(app, ["evaluate", str(run), "--json"], catch_exceptions=False)

    printed = json.loads(result.stdout)
    assert json.loads((run / "evaluation" / "step-00000012.json").read_text()) == printed
    assert list(printed["domains"]) == ["a", "b"]
    assert printed["domains"]["a"]["points"] == 50 + 51 + 52
    assert {"miou", "macc", "allacc", "iou"} <= printed["domains"]["a"].keys()
    assert list(printed["domains"]["a"]["iou"]) == list(NAMES)


def test_the_forest_is_scored_beside_the_model_when_asked_for(run):
    arguments = ["evaluate", str(run), "--forest", "--json"]

    printed = json.loads(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)

    assert printed["forest"].keys() == printed["domains"].keys()
    assert printed["forest"]["a"]["miou_present"] > 0.9  # it is scored on what it learnt


def test_the_table_names_each_domain(run):
    result = CliRunner().invoke(app, ["evaluate", str(run)], catch_exceptions=False)

    assert all(f"│ {name} " in result.stdout for name in ("a", "b"))


def test_data_packed_anew_with_other_facts_is_refused(run):
    path = run.parent / "shards" / "b" / "manifest.json"
    path.write_text(make_manifest("b").model_copy(update={"grid": 0.5}).to_json())

    result = CliRunner().invoke(app, ["evaluate", str(run)])

    assert isinstance(result.exception, BadInput)
    assert "domains.b" in str(result.exception)
