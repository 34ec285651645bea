"""SparseUNet: the published sizes, and a dense U-Net as its oracle."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ppt_dist.model.adapter.pdnorm import PDNormConfig
from ppt_dist.model.backbone.spunet import SpUNetConfig, pyramid
from ppt_dist.model.prompt import Prompt
from ppt_dist.section import BadInput, parse
from tests.model.sparse.cases import densify, normal, sample, voxels

PROMPT = Prompt("scannet", torch.zeros(7, dtype=torch.float64))
SMALL = SpUNetConfig(
    stem_channels=4,
    stem_kernel=3,
    encoder_channels=(5, 6),
    encoder_depths=(1, 2),
    decoder_channels=(7, 6),
    decoder_depths=(2, 1),
)


class Scale(nn.Module):
    """A norm of no statistics: one factor a channel; counts its calls."""

    def __init__(self, channels, calls):
        super().__init__()
        self.factor = nn.Parameter(torch.linspace(0.5, 1.5, channels))
        self.calls = calls

    def forward(self, feat, prompt):
        self.calls.append((id(self), prompt.domain))
        return feat * self.factor


class Scales:
    """The adapter of `Scale`, which also enters stages and blocks where it is told to."""

    def __init__(self, *, enters=False):
        self.calls, self.asked, self.enters = [], [], enters

    def norm(self, channels, place):
        self.asked.append(("norm", channels, place))
        return Scale(channels, self.calls)

    def stage(self, channels, place):
        self.asked.append(("stage", channels, place))
        return Scale(channels, self.calls) if self.enters else None

    def block(self, channels, place):
        self.asked.append(("block", channels, place))
        return Scale(channels, self.calls) if self.enters else None


def make(config=SMALL, adapter=None):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return config.build(3, adapter or Scales()).double()


def dense_subm(conv, x, mask):
    kernel = conv.weight.permute(0, 4, 1, 2, 3)
    return F.conv3d(x, kernel, padding=conv.weight.shape[1] // 2) * mask


def dense_norm(module, x):
    return x if module is None else x * module.factor[:, None, None, None]


def dense_blocks(blocks, x, mask):
    for b in blocks:
        x = dense_norm(b.enter, x)
        y = dense_norm(b.first_norm, dense_subm(b.first, x, mask)).relu()
        y = dense_norm(b.second_norm, dense_subm(b.second, y, mask))
        if b.project is not None:
            x = dense_norm(b.project_norm, F.conv3d(x, b.project.weight[:, :, None, None, None]))
        x = (x + y).relu()
    return x


def dense_forward(net, feat, grid, scene, size, scenes):
    """The same network with dense convolutions, masked to the voxels of each level."""
    active = [(densify(torch.ones_like(feat[:, :1]), grid, scene, size, scenes) > 0).double()]
    for _ in net.encoder:
        active.append(F.max_pool3d(active[-1], 2))

    stem = dense_subm(net.stem, densify(feat, grid, scene, size, scenes), active[0])
    x, skips = dense_norm(net.stem_norm, stem).relu(), []
    for stage, mask in zip(net.encoder, active[1:], strict=True):
        skips.append(x)
        x = dense_norm(stage.enter, x)
        x = F.conv3d(x, stage.conv.weight.permute(0, 4, 1, 2, 3), stride=2) * mask
        x = dense_blocks(stage.blocks, dense_norm(stage.norm, x).relu(), mask)
    levels = list(zip(net.decoder, active[:-1], skips, strict=True)) if net.decoder else []
    for stage, mask, skip in reversed(levels):
        x = dense_norm(stage.enter, x)
        x = F.conv_transpose3d(x, stage.conv.weight.permute(4, 0, 1, 2, 3), stride=2) * mask
        x = torch.cat([dense_norm(stage.norm, x).relu(), skip], dim=1)
        x = dense_blocks(stage.blocks, x, mask)
    if net.final is not None:
        shift = net.final.bias[:, None, None, None]
        x = F.conv3d(x, net.final.weight[:, :, None, None, None]) + shift
    if net.encoder_only:
        return (x * active[-1]).sum((2, 3, 4)) / active[-1].sum((2, 3, 4))
    return sample(x, grid, scene)


@pytest.mark.parametrize(
    "options",
    [
        {"stem_kernel": 3},
        {"stem_kernel": 5},
        {"enters": True},
        {"final_channels": 4},
        {"encoder_only": True},
        {"encoder_only": True, "final_channels": 4, "enters": True},
    ],
    ids=str,
)
def test_output_and_every_gradient_equal_a_dense_unet_masked_to_the_voxels(options):
    changes = {key: value for key, value in options.items() if key != "enters"}
    adapter = Scales(enters="enters" in options)
    net = make(SMALL.model_copy(update=changes), adapter)
    grid, scene = voxels(60, 90, size=8)
    feat = normal(150, 3).requires_grad_()
    slope = normal(2 if net.encoder_only else 150, net.out_channels, seed=4)
    wanted = (feat, *net.parameters())

    ours = net(grid, scene, feat, PROMPT)
    theirs = dense_forward(net, feat, grid, scene, size=8, scenes=2)

    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad((ours * slope).sum(), wanted),
        torch.autograd.grad((theirs * slope).sum(), wanted),
        rtol=1e-10,
        atol=1e-12,
    )


def test_the_published_size_has_the_published_parameters():
    """39,138,752 in convolutions; 59 norms over 8,576 channels in all (Pointcept SpUNet-v1m3)."""
    with torch.device("meta"):
        net = SpUNetConfig().build(6, Scales())
    norms = [m.factor.numel() for m in net.modules() if isinstance(m, Scale)]
    assert (len(norms), sum(norms)) == (59, 8576)
    assert sum(p.numel() for p in net.parameters()) - sum(norms) == 39_138_752
    assert net.out_channels == 96


def test_the_adapter_is_told_width_and_place_of_every_norm_stage_and_block():
    adapter = Scales()
    make(adapter=adapter)
    stages = [request for request in adapter.asked if request[0] == "stage"]
    blocks = [request for request in adapter.asked if request[0] == "block"]
    assert stages == [
        ("stage", 4, "encoder"), ("stage", 5, "encoder"),
        ("stage", 6, "decoder"), ("stage", 6, "decoder"),
    ]  # fmt: skip
    assert [width for _, width, place in blocks if place == "encoder"] == [5, 6, 6]
    assert [width for _, width, place in blocks if place == "decoder"] == [7 + 4, 7, 6 + 5]
    assert [width for kind, width, place in adapter.asked if (kind, place) == ("norm", "stem")] == [
        4
    ]


def test_an_encoder_alone_gives_a_row_of_zeros_to_a_scene_without_voxels_between_others():
    net = make(SMALL.model_copy(update={"encoder_only": True}))
    grid, scene = voxels(40, 0, 30)
    out = net(grid, scene, normal(70, 3), PROMPT)
    assert out.shape == (3, 6)
    assert out.any(1).tolist() == [True, False, True]
    assert len(net.decoder) == 0


@pytest.mark.parametrize("counts", [(0,), (1,), (40, 0, 3)])
def test_every_norm_is_called_once_in_the_same_order_whatever_the_voxels(counts):
    """Norms are where ranks meet, so a rank without a voxel must come to each of them."""
    adapter = Scales(enters=True)
    net = make(adapter=adapter)
    net(*voxels(200), normal(200, 3), PROMPT)
    expected, adapter.calls[:] = list(adapter.calls), []

    grid, scene = voxels(*counts)
    out = net(grid, scene, normal(len(grid), 3).requires_grad_(), PROMPT)
    out.sum().backward()

    assert out.shape == (len(grid), net.out_channels)
    assert adapter.calls == expected
    assert len(set(expected)) == len(expected)
    assert all(p.grad is not None for p in net.parameters())


def test_pdnorm_fits_as_its_adapter():
    adapter = PDNormConfig().build(("scannet", "s3dis"), 7, lambda t: t)
    grid, scene = voxels(100, 80)
    assert make(adapter=adapter)(grid, scene, normal(180, 3), PROMPT).isfinite().all()


def test_a_pyramid_has_one_level_more_than_stages_and_each_halves_the_grid():
    near, parents, scene = pyramid(*voxels(216), 2)
    assert [m.inputs for m in near] == [216, 27, 8]
    assert [(m.inputs, m.outputs) for m in parents] == [(216, 27), (27, 8)]
    assert scene.tolist() == [0] * 8


def test_the_order_of_voxels_changes_nothing_but_their_order():
    net, (grid, scene), feat = make(), voxels(90, 60), normal(150, 3)
    order = torch.randperm(150, generator=torch.Generator().manual_seed(5))
    moved = net(grid[order], scene[order], feat[order], PROMPT)
    torch.testing.assert_close(moved, net(grid, scene, feat, PROMPT)[order], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"encoder_depths": [1, 1]}, "equal lengths"),
        ({"stem_kernel": 4}, "stem_kernel"),
        ({"encoder_channels": [0, 1, 1, 1]}, "encoder_channels"),
    ],
)
def test_a_shape_that_makes_no_unet_is_refused_with_its_key(table, reason):
    with pytest.raises(BadInput, match=reason):
        parse(SpUNetConfig, table, "run.toml")
