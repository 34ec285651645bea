"""What a sensor sees of a room, and the surfaces that rooms are made of."""

import numpy as np
import pytest

from ppt_dist.synth.furniture import FURNITURE
from ppt_dist.synth.room import make_room
from ppt_dist.synth.scan import visible
from ppt_dist.synth.surface import Brush


@pytest.fixture
def brush():
    return Brush("box", 0, np.array([0.5, 0.5, 0.5]), np.random.default_rng(0))


def dome(radius, opening):
    """Points of a sphere around the origin, at most ``opening`` degrees off the x axis."""
    rng = np.random.default_rng(0)
    rays = rng.normal(size=(60_000, 3))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    return radius * rays[rays[:, 0] > np.cos(np.deg2rad(opening))]


def test_points_behind_a_dome_are_not_seen_and_those_beside_it_are():
    front, back = dome(2.0, 20), dome(4.0, 60)
    seen = visible(np.concatenate([front, back]), np.zeros(3))
    assert seen[: len(front)].all()
    angle = np.rad2deg(np.arccos(back[:, 0] / 4))
    behind, beside = angle < 20 - 5, angle > 20 + 5  # a cell is 3 degrees wide
    assert not seen[len(front) :][behind].any()
    assert seen[len(front) :][beside].all()


def test_a_box_faces_outward(brush):
    low, high = (1.0, 2.0, 0.5), (2.0, 4.0, 1.0)
    middle = (np.array(low) + high) / 2
    faces = list(brush.box(low, high))
    assert len(faces) == 6
    for face in faces:
        center = face.origin + (face.along + face.across) / 2
        outward = np.cross(face.along, face.across)
        assert outward @ (center - middle) > 0
    area = sum(np.linalg.norm(np.cross(f.along, f.across)) for f in faces)
    assert area == pytest.approx(2 * (1 * 2 + 1 * 0.5 + 2 * 0.5))


def test_a_box_on_the_floor_has_no_face_below(brush):
    assert len(list(brush.box((0, 0, 0), (1, 1, 1)))) == 5


def test_lattice_points_lie_on_the_surface_no_farther_apart_than_asked(brush):
    for surface in (*brush.box((0, 0, 0), (1, 2, 0.7)), *brush.tube(1.0, 1.0, 0.0, 0.8, 0.3)):
        grid = surface.lattice(0.05)
        for axis in (0, 1):
            step = np.linalg.norm(np.diff(grid, axis=axis), axis=-1)
            assert step.max() <= 0.05 + 1e-9
        if surface.radius:
            assert np.linalg.norm(grid[..., :2] - 1, axis=-1) == pytest.approx(0.3)
        else:
            offset = grid - surface.origin
            assert offset @ np.cross(surface.along, surface.across) == pytest.approx(0, abs=1e-9)


def test_every_shape_can_be_put_into_a_room_and_stays_inside():
    for shape in FURNITURE:
        room = make_room({shape: 2.0}, np.random.default_rng(3))
        points = np.concatenate(
            [s.lattice(0.2).reshape(-1, 3) for s in room.surfaces if s.shape == shape]
        )
        assert len(points), shape
        assert points.min() > -0.2
        assert (points < np.array([room.width, room.depth, room.height]) + 0.2).all()


def test_objects_that_stand_free_do_not_stand_in_each_other():
    counts = {"table": 2.0, "chair": 3.0, "cabinet": 1.0, "box": 2.0}
    room = make_room(counts, np.random.default_rng(1))
    spans = {}
    for surface in room.surfaces:
        if surface.shape in counts:
            points = surface.lattice(0.1).reshape(-1, 3)[:, :2]
            spans.setdefault(surface.piece, []).append(points)
    boxes = [
        (np.min(p, axis=0), np.max(p, axis=0))
        for p in (np.concatenate(parts) for parts in spans.values())
    ]
    assert len(boxes) > 3
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:i]:
            assert ((high < other_low) | (other_high < low)).any()
