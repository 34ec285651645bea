"""Every adapter with every head in one small net: gradients, empty batches, zero starts, sizes."""

from itertools import product
from pathlib import Path

import pytest
import torch

from ppt_dist.model.adapter import AdapterConfig
from ppt_dist.model.adapter.attention import AttentionConfig
from ppt_dist.model.adapter.injection import InjectionConfig
from ppt_dist.model.adapter.none import NoneConfig
from ppt_dist.model.adapter.pdnorm import PDNormConfig
from ppt_dist.model.backbone.spunet import SpUNetConfig
from ppt_dist.model.head import HeadConfig
from ppt_dist.model.head.decoupled import DecoupledConfig
from ppt_dist.model.head.head import DomainLabels
from ppt_dist.model.head.language import LanguageConfig
from ppt_dist.model.head.unionized import UnionizedConfig
from ppt_dist.model.ppt import PPT, Parts, build_model
from ppt_dist.model.prompt import Prompt, PromptReader
from ppt_dist.scene.batch import SceneBatch
from tests.model.domains import label_set, numbered
from tests.model.sparse.cases import gradient, normal, voxels

VECTORS = Path("words.safetensors")
ADAPTERS: dict[str, AdapterConfig] = {
    "pdnorm": PDNormConfig(affine=True, zero_init=False),
    "pdnorm of the encoder": PDNormConfig(where=("encoder",), zero_init=False),
    "pdnorm without prompt": PDNormConfig(adaptive=False, affine=True),
    "injection": InjectionConfig(zero_init=False),
    "injection with norms of domains": InjectionConfig(zero_init=False, norm="domain"),
    "attention": AttentionConfig(zero_init=False, tokens=3, heads=2),
    "attention of the decoder": AttentionConfig(zero_init=False, where=("decoder",), tokens=2),
    "none": NoneConfig(),
}
HEADS: dict[str, HeadConfig] = {
    "infonce": LanguageConfig(vectors=VECTORS, temperature=0.5),
    "cosine": LanguageConfig(vectors=VECTORS, criterion="cosine"),
    "l2": LanguageConfig(vectors=VECTORS, criterion="l2"),
    "decoupled": DecoupledConfig(),
    "unionized": UnionizedConfig(),
    "unionized apart": UnionizedConfig(share=False),
}
DOMAINS = {
    "scannet": DomainLabels(label_set("wall", "bed", "sink"), normal(3, 7).float()),
    "s3dis": DomainLabels(label_set("ceiling", "wall"), normal(2, 7, seed=2).float()),
}
BACKBONE = SpUNetConfig(
    stem_channels=4,
    stem_kernel=3,
    encoder_channels=(6,),
    encoder_depths=(1,),
    decoder_channels=(4,),
    decoder_depths=(1,),
)
READS_NOTHING = {"pdnorm without prompt", "none"}
PAIRS = list(product(ADAPTERS, HEADS))


def make(adapter: AdapterConfig, head: HeadConfig) -> PPT:
    return build_model(Parts(3, 6, BACKBONE, adapter, head), DOMAINS, lambda t: t, seed=0)


def batch_of(domain: str, voxel_count: int) -> SceneBatch:
    grid, _ = voxels(voxel_count, size=4)
    label = torch.zeros(voxel_count, dtype=torch.int64)
    feat = normal(voxel_count, 3).float()
    return SceneBatch(domain, ("scene",), grid, feat, label, torch.tensor([voxel_count]))


@pytest.mark.parametrize(("adapter", "head"), PAIRS)
def test_a_batch_without_a_voxel_gives_zeros_to_every_trained_parameter(adapter, head):
    model = make(ADAPTERS[adapter], HEADS[head])

    out = model(batch_of("s3dis", 0))
    out.sum().backward()

    assert out.shape == (0, 2)
    for name, p in model.named_parameters():
        if p.requires_grad:
            assert p.grad is not None, name
            assert not p.grad.any(), name


@pytest.mark.parametrize(("adapter", "head"), PAIRS)
def test_gradients_of_prompts_readers_head_and_backbone_equal_finite_differences(adapter, head):
    """Along one direction for each part: the slope of a line through the weights."""
    model = make(ADAPTERS[adapter], HEADS[head]).double()
    grid, scene = voxels(20, size=4)
    feat, slope = normal(20, 3), normal(20, 2, seed=4)

    def loss():
        prompt = Prompt("s3dis", model.prompts("s3dis"))
        out = model.head(model.backbone(grid, scene, feat, prompt), "s3dis")
        return (out * slope).sum()

    with torch.no_grad():
        for p in model.head.parameters():  # away from biases of zero, where some cosines jump
            p += 0.1 * normal(*p.shape, seed=5)
    loss().backward()
    for part, parameters in parts_of(model).items():
        ways = [normal(*p.shape, seed=7 + i) for i, p in enumerate(parameters)]
        expected = sum(
            float((gradient(p) * w).sum()) for p, w in zip(parameters, ways, strict=True)
        )
        ahead, behind = (moved(parameters, ways, step, loss) for step in (1e-6, -1e-6))
        assert (ahead - behind) / 2e-6 == pytest.approx(expected, rel=1e-5, abs=1e-7), part


@torch.no_grad()
def moved(parameters, ways, step, loss) -> float:
    """The loss with the parameters a step along their ways; they go back to where they were."""
    before = [p.clone() for p in parameters]
    for p, way in zip(parameters, ways, strict=True):
        p += step * way
    value = float(loss())
    for p, old in zip(parameters, before, strict=True):
        p.copy_(old)
    return value


def parts_of(model: PPT) -> dict[str, list[torch.nn.Parameter]]:
    """The trained parameters, by what they are for."""
    readers = [m for m in model.modules() if isinstance(m, PromptReader)]
    reading = {id(p): p for reader in readers for p in reader.parameters()}
    parts = {
        "prompts": [p for p in model.prompts.parameters() if p.requires_grad],
        "readers": list(reading.values()),
        "head": list(model.head.parameters()),
        "backbone": [p for p in model.backbone.parameters() if id(p) not in reading],
    }
    return {name: parameters for name, parameters in parts.items() if parameters}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_prompts_are_trained_exactly_where_a_module_reads_them_and_are_stored_always(adapter):
    model = make(ADAPTERS[adapter], HEADS["decoupled"])
    trained = {p.requires_grad for p in model.prompts.parameters()}
    assert trained == {adapter not in READS_NOTHING}
    assert {"prompts.scannet", "prompts.s3dis"} <= set(model.state_dict())
    one = batch_of("s3dis", 30)
    model(one).square().sum().backward()
    grads = {name: p.grad for name, p in model.prompts.named_parameters()}
    if adapter in READS_NOTHING:
        assert grads == {"scannet": None, "s3dis": None}
    else:
        assert {n: bool(g.any()) for n, g in grads.items() if g is not None} == {
            "scannet": False,
            "s3dis": True,
        }


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_modules_that_know_the_domain_stand_only_where_they_were_asked_for(adapter):
    model = make(ADAPTERS[adapter], HEADS["decoupled"])
    where = getattr(ADAPTERS[adapter], "where", ())
    known = [
        name.split(".")[1]
        for name, module in model.named_modules()
        if name.startswith("backbone.")
        and (isinstance(module, PromptReader) or len(getattr(module, "rows", ())) > 1)
    ]
    if "stem_norm" in known:
        assert "stem" in where
    assert {place for place in known if place != "stem_norm"} <= set(where)
    assert bool(known) == (adapter != "none")


ZERO = {
    "pdnorm": PDNormConfig(decouple=False, affine=True),
    "injection": InjectionConfig(),
    "attention": AttentionConfig(tokens=3),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("adapter", ZERO)
def test_a_zero_start_is_the_plain_backbone_with_the_same_weights_to_the_last_bit(
    adapter, training
):
    model, plain = make(ZERO[adapter], HEADS["decoupled"]), make(NoneConfig(), HEADS["decoupled"])
    state = model.state_dict()
    plain.load_state_dict({name: state[name] for name in plain.state_dict()})
    for domain in DOMAINS:
        one = batch_of(domain, 40)
        assert torch.equal(model.train(training)(one), plain.train(training)(one))


INDOOR = {"scannet": 20, "s3dis": 13, "structured3d": 25}
OUTDOOR = {"nuscenes": 16, "semantic_kitti": 19, "waymo": 22}


@pytest.mark.parametrize(
    ("adapter", "count"),
    [
        (PDNormConfig(affine=True, zero_init=False), 43_648_704),
        (PDNormConfig(), 43_597_248),
        (PDNormConfig(adaptive=False, affine=True), 39_240_640),
        (PDNormConfig(decouple=False, adaptive=False, affine=True), 39_206_336),
        (NoneConfig(), 39_206_336),
    ],
    ids=["released", "paper", "not adaptive", "one norm", "none"],
)
def test_indoor_models_have_as_many_parameters_as_the_official_ones(adapter, count):
    """Counted on Pointcept's classes at d74c646; a prompt that nothing reads is counted there."""
    with torch.device("meta"):
        domains = {d: DomainLabels(numbered(n), torch.ones(n, 512)) for d, n in INDOOR.items()}
        parts = Parts(6, 256, SpUNetConfig(), adapter, LanguageConfig(vectors=VECTORS))
        model = PPT(parts, domains, lambda t: t)
    assert sum(p.numel() for p in model.parameters()) == count


def test_the_outdoor_model_has_as_many_parameters_as_the_official_one():
    adapter = PDNormConfig(adaptive=False, affine=True)
    domains = {d: DomainLabels(numbered(n)) for d, n in OUTDOOR.items()}
    with torch.device("meta"):
        model = PPT(Parts(4, 256, SpUNetConfig(), adapter, DecoupledConfig()), domains, lambda t: t)
    assert sum(p.numel() for p in model.parameters()) == 39_188_505
