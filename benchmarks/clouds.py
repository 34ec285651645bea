"""Measures nothing itself: a procedural room of as many points as are asked for, and a sweep."""

import numpy as np

from ppt_dist.scene.scene import Scene
from ppt_dist.synth.room import Room, make_room
from ppt_dist.synth.surface import Surface
from ppt_dist.synth.world import find_world

STRETCH = np.array([1.7, 1.4, 1.2])
"""Makes a procedural room one of about 8 x 6 x 3 metres, its furniture with it."""


def dense_room(points: int) -> Scene:
    """A room whose surfaces are sampled evenly, patch after patch as a mesh is stored."""
    rng = np.random.default_rng(points)
    world = find_world("scannet")
    room = make_room(world.furniture, rng)
    spacing = np.sqrt(_area(room) / points) * 0.95
    patches = [(s, s.lattice(spacing).reshape(-1, 3) * STRETCH) for s in room.surfaces]
    coord = np.concatenate([rows for _, rows in patches])
    if len(coord) < points:
        raise ValueError(f"{len(coord)} points of {points}: a smaller spacing is needed")
    kept = np.sort(rng.permutation(len(coord))[:points])
    owner = np.repeat(np.arange(len(patches)), [len(rows) for _, rows in patches])[kept]
    normal = np.stack([_normal(surface) for surface, _ in patches])[owner]
    color = np.stack([surface.color for surface, _ in patches])[owner]
    color = 255 * (color + rng.normal(0, 0.05, color.shape)).clip(0, 1)
    return Scene(
        name="room",
        coord=(coord[kept] + rng.normal(0, 0.003, (points, 3))).astype(np.float32),
        segment=(owner % 20).astype(np.int16),
        instance=owner.astype(np.int32),
        color=color.astype(np.uint8),
        normal=normal.astype(np.float32),
    )


def sweep(points: int) -> Scene:
    """A spinning sensor's returns from level ground and from walls around it."""
    rng = np.random.default_rng(points)
    azimuth = np.linspace(0, 2 * np.pi, points // 64)[:, None] + np.zeros(64)
    down = np.deg2rad(np.linspace(-2, 25, 64)) + np.zeros_like(azimuth)
    wall = 30 + 25 * np.sin(5 * azimuth)
    reach = np.minimum(wall, 1.8 / np.maximum(np.tan(down), 1e-3))
    coord = np.stack([reach * np.cos(azimuth), reach * np.sin(azimuth), -reach * np.tan(down)], -1)
    coord = coord.reshape(-1, 3) + rng.normal(0, 0.01, (coord.size // 3, 3))
    return Scene(
        name="sweep",
        coord=coord.astype(np.float32),
        segment=rng.integers(-1, 16, len(coord)).astype(np.int16),
        instance=np.full(len(coord), -1, np.int32),
        strength=rng.random(len(coord)).astype(np.float32),
    )


def _area(room: Room) -> float:
    return float(sum(_length(s) * np.linalg.norm(s.across) for s in room.surfaces))


def _length(surface: Surface) -> float:
    return float(np.linalg.norm(surface.along)) * (2 * np.pi if surface.radius else 1)


def _normal(surface: Surface) -> np.ndarray:
    across = np.cross(surface.along, surface.across)
    return across / max(float(np.linalg.norm(across)), 1e-9)
