"""The language head: cosines with the words of one domain."""

from pathlib import Path

import torch
from torch.nn import functional as F

from ppt_dist.model.head.language import LanguageConfig
from tests.model.domains import with_vectors
from tests.model.sparse.cases import normal

WORDS = {"scannet": normal(6, 9).float(), "s3dis": 5 * normal(4, 9, seed=2).float()}


def make(temperature=0.05):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LanguageConfig(vectors=Path("words.safetensors"), temperature=temperature)
        return config.build(3, with_vectors(WORDS))


def test_logits_are_cosines_over_the_temperature_with_the_domains_own_words():
    head, feat = make(), normal(11, 3).float()
    for domain, rows in WORDS.items():
        cosine = F.cosine_similarity(head.project(feat)[:, None], rows[None], dim=2)
        torch.testing.assert_close(head(feat, domain), cosine / 0.05)


def test_gradients_equal_those_of_normalised_features():
    head, feat = make().double(), normal(11, 3).requires_grad_()
    wanted = (feat, *head.parameters())
    slope = normal(11, 6, seed=3)
    plain = F.normalize(head.project(feat), dim=1) @ head.words.get_buffer("scannet").T
    plain = plain * head.logit_scale.exp()
    theirs = torch.autograd.grad((plain * slope).sum(), wanted)
    ours = torch.autograd.grad((head(feat, "scannet") * slope).sum(), wanted)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_a_zero_feature_gives_zero_logits_and_finite_gradients():
    head, feat = make(), torch.zeros(2, 3, requires_grad=True)
    logits = head(feat, "s3dis")
    logits.sum().backward()
    assert not logits.any()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in (feat, *head.parameters()))


def test_the_words_travel_with_the_weights_by_domain_and_are_not_trained():
    state = make().state_dict()
    assert list(state) == [
        "logit_scale", "project.weight", "project.bias", "words.scannet", "words.s3dis"
    ]  # fmt: skip
    torch.testing.assert_close(state["words.s3dis"], F.normalize(WORDS["s3dis"], dim=1))
    assert [name for name, _ in make().named_parameters()] == ["project.weight", "project.bias"]


def test_no_voxel_gives_no_row_and_gradients_of_zeros():
    head = make()
    logits = head(torch.zeros(0, 3), "s3dis")
    logits.sum().backward()
    assert logits.shape == (0, 4)
    assert all(p.grad is not None and not p.grad.any() for p in head.parameters())
