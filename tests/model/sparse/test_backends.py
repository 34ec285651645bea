"""Every backend against torch's dense convolution in float64, and against each other.

spconv on the CPU has one thread: with more its sums race, and it is refused.
"""

import sys

import pytest
import torch
from torch.nn import functional as F

from ppt_dist.model.adapter.none import NoneConfig
from ppt_dist.model.backbone.spunet import SpUNetConfig
from ppt_dist.model.prompt import Prompt
from ppt_dist.model.sparse import Map, reference, sparse_conv, spconv, submanifold_map
from ppt_dist.model.sparse.maps import stride2_table, submanifold_table
from ppt_dist.model.sparse.modules import choose_backend
from ppt_dist.section import BadInput
from tests.model.sparse.case import ON_CPU, ON_CUDA, REFERENCE, Case
from tests.model.sparse.cases import densify, normal, sample, voxels

SIZE, SCENES = 6, 3
REPEATABLE = (*ON_CPU, ON_CUDA[0])
"""On a GPU spconv chooses kernels by timing them, so nothing is promised of bits."""


@pytest.fixture(
    params=[*ON_CPU, *(pytest.param(c, marks=pytest.mark.gpu) for c in ON_CUDA)], ids=str
)
def case(request):
    request.param.need()
    before = torch.get_num_threads()
    torch.set_num_threads(request.param.threads)
    yield request.param
    torch.set_num_threads(before)


def dense_weight(weight):
    """From ``[out, k, k, k, in]`` to torch's ``[out, in, k, k, k]``."""
    return weight.permute(0, 4, 1, 2, 3)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize(("width", "out"), [(4, 5), (7, 3)])
def test_submanifold_equals_dense_convolution_at_the_voxels_with_both_gradients(
    case, kernel, width, out
):
    grid, scene = voxels(70, 1, 40)
    feat = normal(111, width).requires_grad_()
    weight = normal(out, kernel, kernel, kernel, width).requires_grad_()

    ours = case.conv(feat, weight, case.submanifold(grid, scene, kernel))
    dense = densify(feat, grid, scene, SIZE, SCENES)
    theirs = sample(F.conv3d(dense, dense_weight(weight), padding=kernel // 2), grid, scene)

    case.agree(ours, theirs, (feat, weight))


def test_going_down_equals_dense_convolution_of_stride_2_with_both_gradients(case):
    grid, scene = voxels(70, 1, 40)
    feat, weight = normal(111, 4).requires_grad_(), normal(5, 2, 2, 2, 4).requires_grad_()

    coarse, coarse_scene, down = case.stride2(grid, scene)
    ours = case.conv(feat, weight, down)
    dense = F.conv3d(densify(feat, grid, scene, SIZE, SCENES), dense_weight(weight), stride=2)

    case.agree(ours, sample(dense, coarse, coarse_scene), (feat, weight))
    assert len(coarse) == int((dense != 0).any(1).sum())


def test_going_up_equals_dense_transposed_convolution_at_the_voxels_that_came_in(case):
    grid, scene = voxels(70, 1, 40)
    coarse, coarse_scene, down = case.stride2(grid, scene)
    feat = normal(len(coarse), 4).requires_grad_()
    weight = normal(5, 2, 2, 2, 4).requires_grad_()

    ours = case.conv(feat, weight, down.reversed())
    dense = densify(feat, coarse, coarse_scene, SIZE // 2, SCENES)
    theirs = F.conv_transpose3d(dense, weight.permute(4, 0, 1, 2, 3), stride=2)

    case.agree(ours, sample(theirs, grid, scene), (feat, weight))


@pytest.mark.parametrize("case", ON_CPU, ids=str, indirect=True)
def test_gradients_equal_finite_differences(case):
    grid, scene = voxels(12, 5, size=3)
    feat, weight = normal(17, 2).requires_grad_(), normal(3, 3, 3, 3, 2).requires_grad_()
    near = case.submanifold(grid, scene, 3)
    assert torch.autograd.gradcheck(lambda f, w: sparse_conv(f, w, near), (feat, weight))


def test_one_map_serves_several_layers_and_its_own_reverse(case):
    grid, scene = voxels(70, 1, 40)
    feat, weight = normal(111, 4).requires_grad_(), normal(4, 3, 3, 3, 4).requires_grad_()

    def twice(of, near):
        return of.conv(of.conv(feat, weight, near) / 10, weight, near.reversed())

    ours = twice(case, case.submanifold(grid, scene, 3))

    case.agree(ours, twice(REFERENCE, REFERENCE.submanifold(grid, scene, 3)), (feat, weight))


def test_scenes_of_thousands_of_voxels_give_what_the_reference_gives(case):
    grid, scene = voxels(2500, 1500, size=16)
    feat = normal(4000, 19).requires_grad_()
    weight = (normal(33, 3, 3, 3, 19) / 20).requires_grad_()

    ours = case.conv(feat, weight, case.submanifold(grid, scene, 3))

    theirs = REFERENCE.conv(feat, weight, REFERENCE.submanifold(grid, scene, 3))
    case.agree(ours, theirs, (feat, weight))


def test_a_whole_net_gives_what_it_gives_by_the_reference(case):
    grid, scene = voxels(300, 100, size=12)
    net = tiny_net().double().eval()
    feat = normal(400, 3)

    def through(of: Case):
        choose_backend(net, of.backend)
        net.to(of.device, of.dtype).zero_grad()
        inputs = (grid.to(of.device), scene.to(of.device), feat.to(of.device, of.dtype))
        prompt = Prompt("a", torch.zeros(4, device=of.device, dtype=of.dtype))
        out = net(*inputs, prompt)
        out.square().sum().backward()
        found = [out.detach(), *(p.grad for p in net.parameters())]
        return [t.to("cpu", torch.float64) for t in found if t is not None]

    theirs, ours = through(REFERENCE), through(case)

    assert len(ours) > 20
    for one, other in zip(ours, theirs, strict=True):
        scale = max(1.0, float(other.abs().max()))
        torch.testing.assert_close(one, other, rtol=0, atol=case.tolerance * scale)


def tiny_net():
    """Two stages with every kind of convolution, and weights large enough to be felt."""
    config = SpUNetConfig(
        stem_channels=5,
        encoder_channels=(6, 7),
        encoder_depths=(1, 1),
        decoder_channels=(5, 6),
        decoder_depths=(1, 1),
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = config.build(3, NoneConfig().build(("a",), 4, lambda t: t))
        for p in net.parameters():
            if p.ndim > 1:
                torch.nn.init.normal_(p, std=0.2)
    return net


@pytest.mark.parametrize("chunk", [1, 1000])
def test_rows_in_many_chunks_give_what_one_chunk_gives(monkeypatch, chunk):
    grid, scene = voxels(90, 30)
    feat, weight = normal(120, 4).requires_grad_(), normal(5, 3, 3, 3, 4).requires_grad_()
    near = submanifold_table(grid, scene, 3)
    whole = reference.sparse_conv(feat, weight, near)

    monkeypatch.setattr(reference, "CHUNK", chunk)
    parts = reference.sparse_conv(feat, weight, near)

    REFERENCE.agree(parts, whole, (feat, weight))


@pytest.mark.parametrize("case", REPEATABLE, ids=str, indirect=True)
def test_repeated_calls_give_the_same_bits(case):
    grid, scene = voxels(4000, 3000, size=20)
    near = case.submanifold(grid, scene, 3)

    def once():
        feat = normal(7000, 16).float().to(case.device).requires_grad_()
        weight = normal(16, 3, 3, 3, 16).float().to(case.device).requires_grad_()
        out = sparse_conv(feat, weight, near)
        return out, *torch.autograd.grad(out.square().sum(), (feat, weight))

    first = once()
    assert all(all(map(torch.equal, first, once())) for _ in range(4))


@pytest.mark.parametrize("counts", [(), (0,), (0, 0)])
def test_no_voxel_gives_no_row_and_a_weight_gradient_of_zeros(case, counts):
    grid, scene = voxels(*counts)
    feat, weight = normal(0, 4).requires_grad_(), normal(5, 3, 3, 3, 4).requires_grad_()
    down_weight = normal(5, 2, 2, 2, 4).requires_grad_()
    _, _, down = case.stride2(grid, scene)

    outs = (
        case.conv(feat, weight, case.submanifold(grid, scene, 3)),
        case.conv(feat, down_weight, down),
        case.conv(feat, down_weight, down.reversed()),
    )

    assert all(out.shape == (0, 5) for out in outs)
    total = torch.cat(outs).sum()
    grads = torch.autograd.grad(total, (feat, weight, down_weight))
    assert grads[0].shape == (0, 4)
    assert not grads[1].any()
    assert not grads[2].any()


def test_a_lone_voxel_meets_the_middle_tap_only(case):
    grid, scene = voxels(1)
    feat, weight = normal(1, 4).requires_grad_(), normal(5, 3, 3, 3, 4).requires_grad_()
    out = case.conv(feat, weight, case.submanifold(grid, scene, 3))
    case.agree(out, feat @ weight[:, 1, 1, 1].T, (feat, weight))


def test_a_scene_never_sees_its_neighbour_in_the_batch(case):
    grid, scene = voxels(60, 60, 60)
    weight, feat = normal(5, 5, 5, 5, 4), normal(180, 4)
    other = torch.where(scene[:, None] == 1, normal(180, 4, seed=2), feat)
    near = case.submanifold(grid, scene, 5)
    same = (case.conv(feat, weight, near) == case.conv(other, weight, near)).all(1)
    assert same.tolist() == (scene != 1).tolist()


def test_reversing_a_map_twice_gives_the_map(case):
    down = case.stride2(*voxels(30, 20))[2]
    assert isinstance(down.reversed(), Map)
    back = down.reversed().reversed()
    assert all(
        torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(back, down, strict=True)
    )
    assert (down.inputs, down.outputs) == (down.reversed().outputs, down.reversed().inputs)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_comes_out_as_it_went_in_rounded_once_from_float32(kind):
    Case("spconv").need()
    grid, scene = voxels(70, 40)
    near = submanifold_map(grid, scene, 3, "spconv")
    feat = normal(110, 4).to(kind).requires_grad_()
    weight = normal(5, 3, 3, 3, 4).to(kind).requires_grad_()

    out = sparse_conv(feat, weight, near)
    grads = torch.autograd.grad(out.sum(), (feat, weight))

    exact = sparse_conv(feat.float(), weight.float(), near)
    assert torch.equal(out, exact.to(kind))
    assert [g.dtype for g in grads] == [kind, kind]


def test_spconv_refuses_several_threads_on_the_cpu_where_its_sums_would_race():
    Case("spconv").need()
    near = submanifold_map(*voxels(20), 3, "spconv")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(BadInput, match=r"2 threads.*engine\.threads = 1"):
            sparse_conv(normal(20, 4), normal(5, 3, 3, 3, 4), near)
    finally:
        torch.set_num_threads(before)


def test_asking_for_spconv_where_it_is_absent_says_how_to_install_it(monkeypatch):
    spconv._ops.cache_clear()
    monkeypatch.setattr(spconv, "installed", lambda: False)
    with pytest.raises(BadInput, match=r"ppt-dist\[cuda\]"):
        submanifold_map(*voxels(20), 3, "spconv")


def test_on_the_cpu_auto_is_the_reference_and_imports_nothing():
    known = {name for name in sys.modules if name.split(".")[0] == "spconv"}

    near = submanifold_map(*voxels(20), 3)

    assert type(near) is type(stride2_table(*voxels(20))[2])
    assert known == {name for name in sys.modules if name.split(".")[0] == "spconv"}
