"""The language head: cosines with the words of one domain."""

import math
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch.nn import functional as F

from ppt_dist.model.head.head import DomainLabels
from ppt_dist.model.head.language import Criterion, LanguageConfig
from tests.model.domains import numbered, with_vectors
from tests.model.sparse.cases import normal

WORDS = {"scannet": normal(6, 9).float(), "s3dis": 5 * normal(4, 9, seed=2).float()}


CRITERIA = get_args(Criterion)


def make(temperature=0.05, criterion: Criterion = "infonce"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LanguageConfig(vectors=Path("w"), temperature=temperature, criterion=criterion)
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


def test_a_feature_that_points_nowhere_gives_zero_logits_and_gradients_of_zeros():
    head, feat = make(), torch.zeros(2, 3, requires_grad=True)
    logits = head(feat, "s3dis")
    logits.sum().backward()
    assert not logits.any()
    assert all(p.grad is not None and not p.grad.any() for p in (feat, *head.parameters()))


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


def test_cosine_logits_are_cosines_and_l2_logits_minus_squared_distances_to_unit_words():
    feat = normal(11, 3).float()
    for criterion, domain in product(("cosine", "l2"), WORDS):
        head = make(criterion=criterion)
        point, words = head.project(feat)[:, None], F.normalize(WORDS[domain], dim=1)[None]
        cosine = F.cosine_similarity(point, words, dim=2)
        expected = cosine if criterion == "cosine" else -(point - words).square().sum(2)
        torch.testing.assert_close(head(feat, domain), expected)
        assert "logit_scale" not in head.state_dict()


def test_the_scale_of_logits_is_the_logarithm_of_one_over_the_temperature_and_frozen():
    scale = make(0.01).logit_scale
    assert scale.dtype == torch.float32
    assert scale.item() == pytest.approx(math.log(100))
    assert not scale.requires_grad


def test_a_loaded_scale_is_the_one_that_is_used():
    head, other = make(0.05), make(0.5)
    other.load_state_dict(head.state_dict())
    feat = normal(11, 3).float()
    assert torch.equal(other(feat, "s3dis"), head(feat, "s3dis"))


def test_only_infonce_pushes_a_point_from_the_other_words():
    attracts = {c: LanguageConfig(vectors=Path("w"), criterion=c).attracts for c in CRITERIA}
    assert attracts == {"infonce": False, "cosine": True, "l2": True}


def test_a_domain_without_vectors_is_refused_by_name():
    domains = {"s3dis": DomainLabels(numbered(4))}
    with pytest.raises(ValueError, match="vectors of s3dis"):
        LanguageConfig(vectors=Path("w")).build(3, domains)
