"""PPT as a whole: logits by domain, equal weights on every rank, what the prompt reaches."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from ppt_dist.model.adapter.pdnorm import PDNormConfig
from ppt_dist.model.backbone.spunet import SpUNetConfig
from ppt_dist.model.head.language import LanguageConfig
from ppt_dist.model.ppt import Parts, build_model
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.section import BadInput
from tests.model.domains import with_vectors
from tests.model.sparse.cases import normal, voxels

WORDS = {"scannet": normal(6, 9).float(), "s3dis": normal(4, 9, seed=2).float()}
PARTS = Parts(
    in_channels=3,
    prompt_length=8,
    backbone=SpUNetConfig(
        stem_channels=4,
        stem_kernel=3,
        encoder_channels=(5,),
        encoder_depths=(1,),
        decoder_channels=(6,),
        decoder_depths=(1,),
    ),
    adapter=PDNormConfig(zero_init=False),
    head=LanguageConfig(vectors=Path("words.safetensors")),
)


def make(seed=0):
    return build_model(PARTS, with_vectors(WORDS), lambda t: t, seed)


def batch(domain, *counts):
    grid, _ = voxels(*counts)
    label = torch.zeros(len(grid), dtype=torch.int64)
    names = tuple(f"scene{i}" for i in range(len(counts)))
    ends = torch.tensor(counts, dtype=torch.int64).cumsum(0)
    return SceneBatch(domain, names, grid, normal(1000, 3)[: len(grid)].float(), label, ends)


def test_logits_are_over_the_classes_of_the_batchs_domain():
    model = make()
    for domain, words in WORDS.items():
        assert model(batch(domain, 50, 30)).shape == (80, len(words))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    def flat(seed):
        return torch.cat([p.flatten() for p in make(seed).parameters()])

    assert torch.equal(flat(0), flat(0))
    assert not torch.equal(flat(0), flat(1))


def test_building_a_model_leaves_the_global_generator_as_it_was():
    before = torch.get_rng_state()
    make()
    assert torch.equal(torch.get_rng_state(), before)


def test_prompts_start_as_draws_of_n01_with_a_row_a_domain():
    prompts = dict(make().prompts.named_parameters())
    assert {name: tuple(row.shape) for name, row in prompts.items()} == {
        "scannet": (8,),
        "s3dis": (8,),
    }
    assert not torch.equal(prompts["scannet"], prompts["s3dis"])


def test_the_own_prompt_learns_and_the_idle_one_gets_zeros():
    model = make()
    one = batch("s3dis", 60)
    F.cross_entropy(model(one), one.label).backward()
    assert all(p.grad is not None for p in model.parameters())
    learns = {name: bool((p.grad != 0).any()) for name, p in model.prompts.named_parameters()}
    assert learns == {"scannet": False, "s3dis": True}


def test_a_batch_without_a_voxel_gives_a_gradient_of_zeros_to_every_parameter():
    model = make()
    model(batch("scannet")).sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in model.parameters())


def test_at_evaluation_a_scene_has_the_same_logits_alone_and_in_company():
    model = make().eval()
    together, alone = batch("scannet", 50, 30), batch("scannet", 50)
    torch.testing.assert_close(model(together)[:50], model(alone), rtol=0, atol=1e-4)


def test_an_unknown_domain_is_refused_with_the_nearest_known():
    with pytest.raises(BadInput, match=r"'scanet'.*did you mean 'scannet'.*s3dis, scannet"):
        make()(batch("scanet", 5))


def test_a_few_steps_on_one_scene_learn_it():
    model, one = make(), batch("scannet", 60)
    label = (one.grid[:, 2] // 2).long()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(40):
        optimiser.zero_grad()
        F.cross_entropy(model(one), label).backward()
        optimiser.step()
    assert F.cross_entropy(model(one), label).item() < 0.3
