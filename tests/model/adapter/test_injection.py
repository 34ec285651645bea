"""Direct injection: what is added, where, and how it starts."""

import torch

from ppt_dist.model.adapter.injection import InjectionConfig
from ppt_dist.model.prompt import Prompt
from tests.model.sparse.cases import gradient, normal

DOMAINS = ("scannet", "s3dis")
PROMPT = Prompt("s3dis", normal(7))


def adapter(**options):
    return InjectionConfig(**options).build(DOMAINS, 7, lambda t: t)


def block(**options):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        enter = adapter(**options).block(5, "encoder")
    assert enter is not None
    return enter.double()


def test_every_voxel_gets_the_projected_prompt_and_gradients_are_those_of_the_sum():
    enter, feat = block(zero_init=False), normal(6, 5).requires_grad_()
    weight, bias = enter.linear.weight, enter.linear.bias
    slope = normal(6, 5, seed=3)

    out = enter(feat, PROMPT)
    (out * slope).sum().backward()

    torch.testing.assert_close(out, feat + (weight @ PROMPT.vector + bias))
    torch.testing.assert_close(feat.grad, slope)
    torch.testing.assert_close(bias.grad, slope.sum(0))
    torch.testing.assert_close(weight.grad, torch.outer(slope.sum(0), PROMPT.vector))


def test_a_projection_of_zeros_changes_nothing_and_learns_from_the_first_step():
    enter, feat = block(), normal(6, 5)
    out = enter(feat, PROMPT)
    assert torch.equal(out, feat)
    out.sum().backward()
    assert gradient(enter.linear.weight).all()


def test_it_enters_the_blocks_at_its_places_and_no_stage():
    some = adapter(where=("decoder",))
    assert some.block(5, "encoder") is None
    assert some.block(5, "decoder") is not None
    assert some.stage(5, "decoder") is None


def test_norms_are_shared_unless_they_are_asked_to_be_of_the_domain_and_then_only_at_its_places():
    assert adapter().norm(5, "encoder").rows == ("every_domain",)
    of_domain = adapter(norm="domain", where=("stem",))
    assert of_domain.norm(5, "stem").rows == DOMAINS
    assert of_domain.norm(5, "encoder").rows == ("every_domain",)


def test_no_voxel_gives_no_row_and_gradients_of_zeros():
    enter = block(zero_init=False)
    out = enter(normal(0, 5), PROMPT)
    out.sum().backward()
    assert out.shape == (0, 5)
    assert all(p.grad is not None and not p.grad.any() for p in enter.parameters())
