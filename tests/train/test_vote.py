"""The vote against a plain loop of another make, and the laws of how it is run."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ppt_dist.model.ppt import Parts, build_model
from ppt_dist.scene.augment.pose import Pose
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.scene.scene import Scene
from ppt_dist.scene.voxel import VoxelScene, grid_sample
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.train.predict import Tiling
from ppt_dist.train.protocol import find_protocol
from ppt_dist.train.restore import alone
from ppt_dist.train.tally import to_points
from ppt_dist.train.vote import Ballot, vote, votes
from tests.model.domains import with_vectors
from tests.train.test_restore import RUN

EDGE = 0.1
VOXELISE = Voxelise(EDGE, ("color", "normal"), "unit")
INDOOR = find_protocol("indoor").poses
ONCE = (Pose(),)
EVERYTHING = Tiling(most=10**9)


@pytest.fixture(scope="module")
def model():
    parts = Parts(6, 8, RUN.model.backbone, RUN.model.adapter, RUN.model.head)
    return build_model(parts, with_vectors({"a": torch.eye(5, 7)}), alone, seed=3).eval()


def field(count=1500, seed=0):
    """A hilly field of 3 x 2 metres with colours and normals, about six points a voxel."""
    rng = np.random.default_rng(seed)
    xy = rng.random((count, 2)) * (1.6, 1.2)
    coord = np.column_stack([xy, 0.3 * np.sin(3 * xy).sum(axis=1)]).astype(np.float32)
    normal = rng.standard_normal((count, 3)).astype(np.float32)
    return Scene(
        name="field",
        coord=coord,
        segment=rng.integers(-1, 5, count).astype(np.int16),
        instance=np.full(count, -1, np.int32),
        color=rng.integers(0, 256, (count, 3)).astype(np.uint8),
        normal=normal / np.linalg.norm(normal, axis=1, keepdims=True),
    )


def ballot(poses=ONCE, before=None, tiling=EVERYTHING, voxelise=VOXELISE):
    return Ballot("a", 5, voxelise, poses, before, tiling)


def placed(scene):
    """Centred, floor at zero."""
    low, high = scene.coord.min(0), scene.coord.max(0)
    shift = np.array([*((low + high) / 2)[:2], low[2]], np.float32)
    return replace(scene, coord=scene.coord - shift)


def by_the_official_loop(forward, scene, poses):
    """Softmax summed as the official tester does it: lists of points, one fragment a forward.

    Poses are by complex numbers and in double precision but for the place of a point in its cell.
    """
    total = np.zeros((len(scene), 5))
    at = placed(scene).coord
    for turn, scale, flip in poses:
        spin = np.exp(1j * np.pi * turn) * (-1 if flip else 1)
        xy = (at[:, 0] + 1j * at[:, 1]) * spin * scale
        coord = np.stack([xy.real, xy.imag, at[:, 2] * np.float32(scale)], axis=1)
        coord = coord.astype(np.float32)
        normal = (scene.normal[:, 0] + 1j * scene.normal[:, 1]) * spin
        normal = np.stack([normal.real, normal.imag, scene.normal[:, 2]], axis=1)
        cells: dict[tuple[int, ...], list[int]] = {}
        for i, cell in enumerate(np.floor(coord / np.float32(EDGE)).astype(int).tolist()):
            cells.setdefault(tuple(cell), []).append(i)
        low = np.array(list(cells)).min(axis=0)
        for fragment in range(max(map(len, cells.values()))):
            rows = [inside[fragment % len(inside)] for inside in cells.values()]
            grid = (np.array(list(cells)) - low).astype(np.int32)
            feat = np.concatenate([scene.color[rows] / 255, normal[rows]], axis=1)
            softmax = forward(grid, feat.astype(np.float32)).softmax(1)
            for row, point in enumerate(rows):
                total[point] += softmax[row].double().numpy()
    return total


def through(model):
    """The model's logits of a scene's cells and features."""

    def forward(grid, feat):
        alone = VoxelScene("x", grid, feat, np.zeros(len(grid), np.int16))
        with torch.inference_mode():
            return model(SceneBatch.of("a", [alone], 6))

    return forward


def test_the_sums_are_those_of_the_official_loop(model):
    scene = field(600)
    poses = [(pose.turn, pose.scale, pose.flip) for pose in INDOOR]

    oracle = by_the_official_loop(through(model), scene, poses)
    ours = votes(model, VOXELISE.placed(scene), ballot(INDOOR))

    visits = ours.sum(axis=1)
    assert visits.min() > 12.99  # every point is seen in each of the 13 poses
    assert np.abs(ours - oracle).max() / visits.max() < 1e-6
    assert np.array_equal(vote(model, scene, ballot(INDOOR)), oracle.argmax(axis=1))


def test_fragments_that_share_a_forward_are_voted_as_if_alone(model):
    scene = field()
    sizes = []

    def watched(batch):
        sizes.append(len(batch.names))
        return model(batch)

    together = votes(watched, VOXELISE.placed(scene), ballot(INDOOR[:3]))
    assert max(sizes) > 5
    sizes.clear()
    singly = votes(
        watched, VOXELISE.placed(scene), ballot(INDOOR[:3], tiling=Tiling(most=1, margin=10**6))
    )

    assert set(sizes) == {1}
    assert together == pytest.approx(singly, abs=1e-5)


def test_a_forward_has_at_most_so_many_voxels(model):
    scene = field()
    voxels = len(VOXELISE.evaluate(scene).grid)
    seen = []

    def watched(batch):
        seen.append(len(batch.feat))
        return model(batch)

    for most in (voxels // 2, voxels, 3 * voxels):
        seen.clear()
        votes(watched, VOXELISE.placed(scene), ballot(tiling=Tiling(most, margin=1)))
        assert max(seen) <= most
        assert max(seen) > most // 3


def test_tiles_with_margins_as_wide_as_what_the_net_sees_are_not_felt(model):
    scene = field(4000, seed=4)
    wide = Scene(scene.name, scene.coord * 8, scene.segment, scene.instance, scene.color)
    whole = votes(model, VOXELISE.placed(wide), ballot())
    tiled = votes(model, VOXELISE.placed(wide), ballot(tiling=Tiling(most=2500, margin=32)))
    cut = votes(model, VOXELISE.placed(wide), ballot(tiling=Tiling(most=800, margin=0)))

    assert tiled == pytest.approx(whole, abs=1e-4)
    assert np.abs(cut - whole).max() > 1e-3


def test_one_pose_of_a_scene_with_a_point_a_voxel_is_what_evaluation_predicts(model):
    scene = alone_in_their_voxels(field())
    voxels = VOXELISE.evaluate(scene)
    assert len(voxels.grid) == len(scene) > 100

    with torch.inference_mode():
        _, evaluated = to_points(voxels, model(SceneBatch.of("a", [voxels], 6)))

    assert len(set(evaluated.tolist())) > 1
    assert vote(model, scene, ballot(find_protocol("none").poses)).tolist() == evaluated.tolist()


def voxel_of(scene, edge):
    """Row of the voxel of each point."""
    return grid_sample(placed(scene).coord, edge).inverse


def alone_in_their_voxels(scene):
    """Some of the points; again and again, because to leave points out moves the middle."""
    while len(scene) != len(VOXELISE.evaluate(scene).grid):
        first = np.unique(voxel_of(scene, EDGE), return_index=True)[1]
        scene = scene.take(np.sort(first))
    return scene


def test_a_scene_that_is_thinned_first_has_the_label_of_a_cell_on_all_its_points(model):
    scene = field()
    whole = vote(model, scene, ballot())
    thinned = vote(model, scene, ballot(before=0.05))

    assert len(thinned) == len(scene)
    cells = voxel_of(scene, 0.05)
    for cell in np.unique(cells):
        assert len(set(thinned[cells == cell].tolist())) == 1
    assert (whole != thinned).any()
