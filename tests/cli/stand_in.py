"""A run whose packed records are stood in for by scenes in memory."""

from typing import Any

import numpy as np
import tomli_w
import torch

from ppt_dist.model.ppt import Parts, build_model
from ppt_dist.run import RunConfig
from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.scene import Scene
from ppt_dist.section import parse
from ppt_dist.shard.manifest import Manifest, Split
from ppt_dist.shard.records import Records
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
        splits={"val": Split(shards=(), scenes=3, points=153, points_by_class=(), unlabelled=0)},
    )


class StandIn(Records):
    """Scenes in memory with the members of `Records` that scoring reads."""

    manifest = make_manifest("a")
    names = ("s0", "s1", "s2")
    crc32 = (7, 8, 9)
    points = np.array([50, 51, 52])

    def __init__(self):
        """No folder is opened."""

    def __len__(self):
        return 3

    def __getitem__(self, i):
        dice = np.random.Generator(np.random.Philox(key=i))
        coord = dice.random((50 + i, 3), dtype=np.float32)
        segment = dice.integers(-1, 3, 50 + i, dtype=np.int16)
        instance = np.full(50 + i, -1, np.int32)
        color = dice.integers(0, 256, (50 + i, 3), dtype=np.uint8)
        return Scene(f"s{i}", coord, segment, instance, color)


def table(folder, names):
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
    domains = {name: {"shards": str(folder / name), "weight": 1} for name in names}
    return {
        "name": "tiny",
        "steps": 1,
        "domains": domains,
        "lots": {"scenes": 1},
        "model": model,
        "optim": {"rate": 0.1},
    }


def make_run(folder, names, steps):
    """A run's folder with checkpoints of fresh models over domains of these names."""
    given = table(folder / "shards", names)
    config = parse(RunConfig, given, "test")
    digests = {}
    for name in config.domains:
        packed = folder / "shards" / name
        packed.mkdir(parents=True)
        (packed / "manifest.json").write_text(make_manifest(name).to_json())
        digests[name] = make_manifest(name).digest()
    parts = Parts(6, 8, config.model.backbone, config.model.adapter, config.model.head)
    domains = with_vectors(dict.fromkeys(digests, torch.eye(3, 5)))
    facts = CheckpointFacts(order=1, ledger="", what={}, manifests=digests, attempt=1)
    store = CheckpointStore(folder / "run", keep=len(steps))
    for seed, step in enumerate(steps, 1):
        model = build_model(parts, domains, alone, seed)
        tensors = {f"weight/{name}": p.detach() for name, p in model.named_parameters()}
        store.save(step, EngineState(tensors | buffers(model), {}), facts)
    (folder / "run/run.toml").write_text(tomli_w.dumps(given))
    return folder / "run"
