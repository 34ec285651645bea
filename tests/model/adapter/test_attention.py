"""Cross-attention to the prompt, against torch's own attention."""

import pytest
import torch
from torch import nn

from ppt_dist.model.adapter.attention import AttentionConfig
from ppt_dist.model.prompt import Prompt
from ppt_dist.section import BadInput
from tests.model.sparse.cases import gradient, normal

DOMAINS = ("scannet", "s3dis")
PROMPT = Prompt("s3dis", normal(12))


def adapter(**options):
    return AttentionConfig(**options).build(DOMAINS, 12, lambda t: t)


def stage(channels=6, **options):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        enter = adapter(**options).stage(channels, "encoder")
        assert enter is not None
        for p in enter.parameters():  # away from zero biases, which hide mistakes
            if not options.get("zero_init", True):
                p.data += torch.randn_like(p) / 2
    return enter.double()


def torchs(enter, channels, tokens, heads):
    """`torch.nn.MultiheadAttention` with the same weights."""
    width = 12 // tokens
    same = nn.MultiheadAttention(channels, heads, kdim=width, vdim=width).double()
    same.q_proj_weight.data = enter.query.weight.data
    same.k_proj_weight.data = enter.key.weight.data
    same.v_proj_weight.data = enter.value.weight.data
    zeros = torch.zeros_like(enter.query.bias)
    same.in_proj_bias.data = torch.cat([enter.query.bias.data, zeros, enter.value.bias.data])
    same.out_proj.load_state_dict(enter.output.state_dict())
    return same


@pytest.mark.parametrize(("tokens", "heads"), [(1, 1), (4, 1), (3, 2), (12, 6)])
def test_values_and_gradients_equal_torchs_attention_with_a_skip(tokens, heads):
    enter = stage(tokens=tokens, heads=heads, zero_init=False)
    same = torchs(enter, 6, tokens, heads)
    feat, vector = normal(9, 6).requires_grad_(), PROMPT.vector.clone().requires_grad_()
    slope = normal(9, 6, seed=3)

    ours = enter(feat, Prompt("s3dis", vector))
    parts = vector.view(tokens, -1)
    theirs = feat + same(feat, parts, parts, need_weights=False)[0]

    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad((ours * slope).sum(), (feat, vector)),
        torch.autograd.grad((theirs * slope).sum(), (feat, vector)),
    )


def test_a_single_token_gives_every_voxel_the_same_whatever_it_asks():
    enter, feat = stage(tokens=1, zero_init=False), normal(9, 6)
    taken = enter(feat, PROMPT) - feat
    torch.testing.assert_close(taken, taken[:1].expand(9, 6))
    several = stage(tokens=3, zero_init=False)
    assert (several(feat, PROMPT) - feat).std(0).min() > 1e-3


def test_an_output_projection_of_zeros_changes_nothing_and_learns_from_the_first_step():
    enter, feat = stage(), normal(9, 6)
    out = enter(feat, PROMPT)
    assert torch.equal(out, feat)
    out.sum().backward()
    assert gradient(enter.output.weight).any()


def test_it_enters_the_stages_at_its_places_and_no_block():
    some = adapter(where=("encoder",))
    assert some.stage(6, "encoder") is not None
    assert some.stage(6, "decoder") is None
    assert some.block(6, "encoder") is None
    assert some.norm(6, "encoder").rows == ("every_domain",)
    assert adapter(norm="domain").norm(6, "encoder").rows == DOMAINS


def test_tokens_that_do_not_divide_the_prompt_are_refused_with_both_numbers():
    with pytest.raises(BadInput, match=r"tokens is 5.*model\.prompt\.length 12"):
        adapter(tokens=5)


def test_heads_that_do_not_divide_a_stages_width_are_refused_with_both_numbers():
    with pytest.raises(BadInput, match=r"heads is 4.*6 channels.*encoder"):
        stage(heads=4)


def test_no_voxel_gives_no_row_and_gradients_of_zeros():
    enter = stage(zero_init=False)
    out = enter(normal(0, 6), PROMPT)
    out.sum().backward()
    assert out.shape == (0, 6)
    assert all(p.grad is not None and not p.grad.any() for p in enter.parameters())
