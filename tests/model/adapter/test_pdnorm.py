"""PDNorm against torch's batch norm, in every combination of its flags."""

from itertools import product

import pytest
import torch
from torch.nn import functional as F

from ppt_dist.model.adapter.modulation import Modulation
from ppt_dist.model.adapter.pdnorm import PDNorm, PDNormConfig
from ppt_dist.model.bank import EVERY_DOMAIN
from ppt_dist.model.prompt import Prompt

DOMAINS = ("scannet", "s3dis")
FLAGS = [
    dict(zip(("decouple", "adaptive", "affine", "zero_init"), flags, strict=True))
    for flags in product((True, False), repeat=4)
]


def make(**flags) -> PDNorm:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        norm = PDNormConfig(**flags).build(DOMAINS, 7, lambda t: t).norm(5, "stem").double()
        for p in norm.parameters():  # away from the ones and zeros that hide mistakes
            if not flags.get("zero_init", True):
                p.data += torch.randn_like(p) / 4
    return norm


def prompt(domain: str) -> Prompt:
    rng = torch.Generator().manual_seed(len(domain))
    return Prompt(domain, torch.randn(7, generator=rng, dtype=torch.float64))


def cloud(points: int = 40, mean: float = 3.0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(points)
    return torch.randn(points, 5, generator=rng, dtype=torch.float64) * 2 + mean


def reference(norm: PDNorm, x: torch.Tensor, where: Prompt) -> torch.Tensor:
    """The formula with torch's batch norm, written once more from the paper."""
    row = where.domain if len(norm.rows) > 1 else EVERY_DOMAIN
    y = F.batch_norm(x, None, None, training=True, eps=norm.eps)
    if norm.weight is not None and norm.bias is not None:
        y = y * norm.weight.get_parameter(row) + norm.bias.get_parameter(row)
    if norm.modulation is not None:
        shift, scale = norm.modulation(where.vector)
        y = y * (1 + scale) + shift
    return y


@pytest.mark.parametrize("flags", FLAGS, ids=str)
def test_forward_and_every_gradient_equal_batch_norm_with_the_prompts_affine(flags):
    norm, x, where = make(**flags), cloud().requires_grad_(), prompt("s3dis")
    wanted = (x, *(p for p in norm.parameters()))
    slope = cloud(mean=0.0)

    ours = torch.autograd.grad((norm(x, where) * slope).sum(), wanted, allow_unused=True)
    theirs = torch.autograd.grad(
        (reference(norm, x, where) * slope).sum(), wanted, allow_unused=True
    )

    torch.testing.assert_close(norm(x, where), reference(norm, x, where))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, torch.zeros_like(a) if b is None else b)


def test_gradients_pass_a_finite_difference_check():
    norm = make(affine=True, zero_init=False)

    assert torch.autograd.gradcheck(lambda x: norm(x, prompt("scannet")), cloud(6).requires_grad_())


def test_running_statistics_follow_torchs_rule_and_only_in_the_row_of_the_domain():
    norm, torchs = make(), torch.nn.BatchNorm1d(5, eps=1e-3, momentum=0.01).double()

    for points in (30, 50):
        norm(cloud(points), prompt("s3dis"))
        torchs(cloud(points))

    mean, var = norm.running.of("s3dis")
    torch.testing.assert_close(mean, torchs.running_mean)
    torch.testing.assert_close(var, torchs.running_var)
    assert norm.running.of("scannet")[0].tolist() == [0] * 5
    assert norm.running.of("scannet")[1].tolist() == [1] * 5


def test_evaluation_uses_the_running_statistics_of_the_domain():
    norm = make(affine=True, zero_init=False)
    assert norm.modulation
    assert norm.weight
    assert norm.bias
    norm(cloud(mean=9.0), prompt("s3dis"))
    norm.eval()
    x, where = cloud(3), prompt("s3dis")
    mean, var = norm.running.of("s3dis")
    shift, scale = norm.modulation(where.vector)
    y = F.batch_norm(x, mean, var, eps=norm.eps)
    y = y * norm.weight.get_parameter("s3dis") + norm.bias.get_parameter("s3dis")

    torch.testing.assert_close(norm(x, where), y * (1 + scale) + shift)


def test_zero_init_starts_as_a_plain_norm_whatever_the_prompt():
    norm = make(affine=True)

    plain = F.batch_norm(cloud(), None, None, training=True, eps=norm.eps)

    torch.testing.assert_close(norm(cloud(), prompt("scannet")), plain)


def test_a_batch_without_voxels_leaves_the_running_statistics_alone():
    norm = make()

    out = norm(torch.zeros(0, 5, dtype=torch.float64), prompt("scannet"))

    assert out.shape == (0, 5)
    assert norm.running.of("scannet")[0].tolist() == [0] * 5


def test_one_voxel_does_not_divide_by_zero():
    norm = make()

    assert norm(cloud(1), prompt("scannet")).isfinite().all()
    assert all(t.isfinite().all() for t in norm.running.of("scannet"))


def test_statistics_in_float32_survive_a_mean_far_from_zero():
    norm, x = make().float(), (torch.randn(4000, 5) + 2000).float()

    out = norm(x, Prompt("scannet", torch.zeros(7)))

    exact = F.batch_norm(x.double(), None, None, training=True, eps=norm.eps)
    assert (out - exact).abs().max() < 2e-3


def test_a_state_dict_names_statistics_by_domain_and_loads_in_another_order():
    norm = make()
    norm(cloud(), prompt("s3dis"))
    other = PDNormConfig().build(DOMAINS[::-1], 7, lambda t: t).norm(5, "stem").double()

    other.load_state_dict(norm.state_dict())

    assert "running.mean.s3dis" in norm.state_dict()
    torch.testing.assert_close(other.running.of("s3dis"), norm.running.of("s3dis"))


def test_a_state_dict_without_a_domain_is_refused_with_the_missing_rows():
    state = make().state_dict()
    del state["running.var.s3dis"]

    with pytest.raises(RuntimeError, match=r"running\.var\.s3dis"):
        make().load_state_dict(state)


def test_modulation_gives_the_shift_first_and_the_scale_second():
    layer = Modulation(2, 3, zero_init=True)
    layer.linear.bias.data = torch.arange(6.0)

    shift, scale = layer(torch.zeros(2))

    assert shift.tolist() == [0, 1, 2]
    assert scale.tolist() == [3, 4, 5]
