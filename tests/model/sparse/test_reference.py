"""The sparse convolution of every backend against torch's dense one, in float64."""

import pytest
import torch
from torch.nn import functional as F

from ppt_dist.model.sparse import Map, reference, stride2_map, submanifold_map
from tests.model.sparse.cases import densify, normal, sample, voxels

BACKENDS = {"reference": reference.sparse_conv}
SIZE, SCENES = 6, 3


@pytest.fixture(params=BACKENDS)
def sparse_conv(request):
    return BACKENDS[request.param]


@pytest.fixture(params=(1, 2), ids="{} threads".format, autouse=True)
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def dense_weight(weight):
    """From ``[out, k, k, k, in]`` to torch's ``[out, in, k, k, k]``."""
    return weight.permute(0, 4, 1, 2, 3)


def agree(ours, theirs, wanted):
    """Values and gradients with respect to ``wanted`` are equal to 1e-12."""
    slope = normal(*ours.shape, seed=9)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    a = torch.autograd.grad((ours * slope).sum(), wanted)
    b = torch.autograd.grad((theirs * slope).sum(), wanted)
    torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_submanifold_equals_dense_convolution_at_the_voxels_with_both_gradients(
    sparse_conv, kernel
):
    grid, scene = voxels(70, 1, 40)
    feat = normal(111, 4).requires_grad_()
    weight = normal(5, kernel, kernel, kernel, 4).requires_grad_()

    ours = sparse_conv(feat, weight, submanifold_map(grid, scene, kernel))
    dense = densify(feat, grid, scene, SIZE, SCENES)
    theirs = sample(F.conv3d(dense, dense_weight(weight), padding=kernel // 2), grid, scene)

    agree(ours, theirs, (feat, weight))


def test_going_down_equals_dense_convolution_of_stride_2_with_both_gradients(sparse_conv):
    grid, scene = voxels(70, 1, 40)
    feat, weight = normal(111, 4).requires_grad_(), normal(5, 2, 2, 2, 4).requires_grad_()

    coarse, coarse_scene, down = stride2_map(grid, scene)
    ours = sparse_conv(feat, weight, down)
    dense = F.conv3d(densify(feat, grid, scene, SIZE, SCENES), dense_weight(weight), stride=2)

    agree(ours, sample(dense, coarse, coarse_scene), (feat, weight))
    assert len(coarse) == int((dense != 0).any(1).sum())


def test_going_up_equals_dense_transposed_convolution_at_the_voxels_that_came_in(sparse_conv):
    grid, scene = voxels(70, 1, 40)
    coarse, coarse_scene, down = stride2_map(grid, scene)
    feat = normal(len(coarse), 4).requires_grad_()
    weight = normal(5, 2, 2, 2, 4).requires_grad_()

    ours = sparse_conv(feat, weight, down.reversed())
    dense = densify(feat, coarse, coarse_scene, SIZE // 2, SCENES)
    theirs = F.conv_transpose3d(dense, weight.permute(4, 0, 1, 2, 3), stride=2)

    agree(ours, sample(theirs, grid, scene), (feat, weight))


def test_gradients_equal_finite_differences(sparse_conv):
    grid, scene = voxels(12, 5, size=3)
    feat, weight = normal(17, 2).requires_grad_(), normal(3, 3, 3, 3, 2).requires_grad_()
    near = submanifold_map(grid, scene, 3)
    assert torch.autograd.gradcheck(lambda f, w: sparse_conv(f, w, near), (feat, weight))


@pytest.mark.parametrize("chunk", [1, 1000])
def test_rows_in_many_chunks_give_what_one_chunk_gives(monkeypatch, chunk):
    grid, scene = voxels(90, 30)
    feat, weight = normal(120, 4).requires_grad_(), normal(5, 3, 3, 3, 4).requires_grad_()
    near = submanifold_map(grid, scene, 3)
    whole = reference.sparse_conv(feat, weight, near)

    monkeypatch.setattr(reference, "CHUNK", chunk)
    parts = reference.sparse_conv(feat, weight, near)

    agree(parts, whole, (feat, weight))


def test_repeated_calls_give_the_same_bits(sparse_conv):
    grid, scene = voxels(4000, 3000, size=20)
    near = submanifold_map(grid, scene, 3)

    def once():
        feat = normal(7000, 16).float().requires_grad_()
        weight = normal(16, 3, 3, 3, 16).float().requires_grad_()
        out = sparse_conv(feat, weight, near)
        return out, *torch.autograd.grad(out.square().sum(), (feat, weight))

    first = once()
    assert all(all(map(torch.equal, first, once())) for _ in range(4))


@pytest.mark.parametrize("counts", [(), (0,), (0, 0)])
def test_no_voxel_gives_no_row_and_a_weight_gradient_of_zeros(sparse_conv, counts):
    grid, scene = voxels(*counts)
    feat, weight = normal(0, 4).requires_grad_(), normal(5, 3, 3, 3, 4).requires_grad_()
    out = sparse_conv(feat, weight, submanifold_map(grid, scene, 3))
    assert out.shape == (0, 5)
    grads = torch.autograd.grad(out.sum(), (feat, weight))
    assert grads[0].shape == (0, 4)
    assert not grads[1].any()


def test_a_lone_voxel_meets_the_middle_tap_only(sparse_conv):
    grid, scene = voxels(1)
    feat, weight = normal(1, 4), normal(5, 3, 3, 3, 4)
    out = sparse_conv(feat, weight, submanifold_map(grid, scene, 3))
    torch.testing.assert_close(out, feat @ weight[:, 1, 1, 1].T)


def test_a_scene_never_sees_its_neighbour_in_the_batch(sparse_conv):
    grid, scene = voxels(60, 60, 60)
    weight, feat = normal(5, 5, 5, 5, 4), normal(180, 4)
    other = torch.where(scene[:, None] == 1, normal(180, 4, seed=2), feat)
    near = submanifold_map(grid, scene, 5)
    same = (sparse_conv(feat, weight, near) == sparse_conv(other, weight, near)).all(1)
    assert same.tolist() == (scene != 1).tolist()


def test_reversing_a_map_twice_gives_the_map():
    down = stride2_map(*voxels(30, 20))[2]
    assert isinstance(down.reversed(), Map)
    assert all(map(torch.equal, down.reversed().reversed(), down))
    assert (down.inputs, down.outputs) == (down.reversed().outputs, down.reversed().inputs)
