import copy
from typing import Any

import pytest
import torch

from ppt_dist.model.ppt import Parts, build_model
from ppt_dist.run import ModelConfig, RunConfig
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.section import BadInput, parse
from ppt_dist.train.checkpoint import Checkpoint, CheckpointFacts
from ppt_dist.train.engine.buffers import buffers
from ppt_dist.train.restore import alone, restore_model
from ppt_dist.train.sources import parts_of
from ppt_dist.train.state import EngineState
from tests.model.domains import with_vectors

TABLE: dict[str, Any] = {
    "name": "tiny",
    "steps": 1,
    "domains": {name: {"shards": f"/absent/{name}", "weight": 1} for name in ("a", "b")},
    "lots": {"scenes": 1},
    "model": {
        "prompt": {"length": 8},
        "backbone": {
            "kind": "spunet",
            "stem_channels": 4,
            "stem_kernel": 3,
            "encoder_channels": [4, 8],
            "encoder_depths": [1, 1],
            "decoder_channels": [4, 8],
            "decoder_depths": [1, 1],
        },
        "adapter": {"kind": "pdnorm"},
        "head": {"kind": "language", "vectors": "/absent/vectors"},
    },
    "optim": {"rate": 0.1},
}
RUN = parse(RunConfig, TABLE, "test")
DOMAINS = with_vectors({"a": torch.eye(3, 5), "b": torch.eye(4, 5)})
FACTS = CheckpointFacts(
    order=1,
    ledger="",
    what={},
    manifests={},
    labels={name: known.labels for name, known in DOMAINS.items()},
    attempt=1,
)


def trained_model():
    """A model with random weights and running statistics that one pass of training moved."""
    model: ModelConfig = RUN.model
    parts = Parts(6, 8, model.backbone, model.adapter, model.head)
    ppt = build_model(parts, DOMAINS, alone, seed=7)
    for domain in DOMAINS:
        ppt(make_batch(domain))
    return ppt.eval()


def make_batch(domain):
    dice = torch.Generator().manual_seed(3)
    grid = torch.cartesian_prod(*[torch.arange(4, dtype=torch.int32)] * 3)
    label = torch.zeros(64, dtype=torch.int64)
    feat = torch.rand(64, 6, generator=dice)
    return SceneBatch(domain, ("s",), grid, feat, label, torch.tensor([64]))


def checkpoint_of(model):
    tensors = {f"weight/{name}": p.detach().clone() for name, p in model.named_parameters()}
    return Checkpoint("step-00000001", 1, EngineState(tensors | buffers(model), {}), FACTS, "")


def test_a_restored_model_gives_the_same_logits_for_every_domain():
    model = trained_model()

    restored = restore_model(RUN, checkpoint_of(copy.deepcopy(model)))

    with torch.no_grad():
        for domain in ("a", "b"):
            assert torch.equal(restored(make_batch(domain)), model(make_batch(domain)))


@pytest.mark.parametrize("head", [{"kind": "decoupled"}, {"kind": "unionized"}])
def test_a_model_of_class_names_alone_is_restored_from_the_checkpoint_alone(head):
    run = parse(RunConfig, TABLE | {"model": TABLE["model"] | {"head": head}}, "test")
    ppt = build_model(parts_of(run), DOMAINS, alone, seed=7).eval()

    restored = restore_model(run, checkpoint_of(copy.deepcopy(ppt)))

    assert torch.equal(restored(make_batch("b")), ppt(make_batch("b")))


@pytest.mark.parametrize("name", ["buffer/head.words.b", "weight/head.project.weight"])
def test_a_tensor_that_the_checkpoint_lacks_is_named(name):
    checkpoint = checkpoint_of(trained_model())
    del checkpoint.state.tensors[name]

    with pytest.raises(BadInput, match=name):
        restore_model(RUN, checkpoint)
