"""Scanning a room: which points a sensor sees, and how it records them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from ppt_dist.synth.room import Room
from ppt_dist.synth.surface import Surface
from ppt_dist.synth.world import Gap

CELL = np.deg2rad(3.0)
"""Edge of a cell of the spherical depth image."""
TOLERANCE = 0.12
"""Metres that a point may lie behind the nearest one of its cell and still be seen."""
HIGH = 2.15
"""Metres above the floor from which on coverage is poor."""


class Patch(NamedTuple):
    """A surface as a lattice of sensed points."""

    surface: Surface
    points: Float64[np.ndarray, "rows columns 3"]
    color: UInt8[np.ndarray, "rows columns 3"]
    seen: Bool[np.ndarray, "rows columns"]


def scan(room: Room, gap: Gap, rng: np.random.Generator) -> list[Patch]:
    """Each surface of the room as the domain's sensor has it, in the room's own frame."""
    spacing = 1 / np.sqrt(gap.density)
    lattices = [surface.lattice(spacing) for surface in room.surfaces]
    cloud = np.concatenate([lattice.reshape(-1, 3) for lattice in lattices])
    seen = np.zeros(len(cloud), bool)
    for _ in range(gap.cameras):
        eye = np.array(
            [
                rng.uniform(0.25, 0.75) * room.width,
                rng.uniform(0.25, 0.75) * room.depth,
                rng.uniform(1.3, 1.7),
            ]
        )
        seen |= visible(cloud, eye)
    seen &= (cloud[:, 2] < HIGH) | (rng.random(len(cloud)) < gap.ceiling_share)
    ends = np.cumsum([lattice.shape[0] * lattice.shape[1] for lattice in lattices])
    parts = np.split(seen, ends[:-1])
    return [
        Patch(
            surface,
            lattice + rng.normal(0, gap.position_noise, lattice.shape),
            _color(surface, lattice.shape[:2], gap, rng),
            part.reshape(lattice.shape[:2]),
        )
        for surface, lattice, part in zip(room.surfaces, lattices, parts, strict=True)
    ]


def visible(
    cloud: Float64[np.ndarray, "points 3"], eye: Float64[np.ndarray, " 3"]
) -> Bool[np.ndarray, " points"]:
    """Points that no nearer point of the same direction hides: a spherical depth image."""
    ray = cloud - eye
    depth = np.linalg.norm(ray, axis=1)
    azimuth = np.arctan2(ray[:, 1], ray[:, 0])
    height = np.arcsin((ray[:, 2] / np.maximum(depth, 1e-9)).clip(-1, 1))
    row = ((height + np.pi / 2) / CELL).astype(np.int64)
    column = ((azimuth + np.pi) / CELL * np.cos(height)).astype(np.int64)
    cell: Int64[np.ndarray, " points"] = row * 1024 + column
    nearest = np.full(int(cell.max()) + 1, np.inf)
    np.minimum.at(nearest, cell, depth)
    return depth <= nearest[cell] + TOLERANCE


def _color(
    surface: Surface, shape: tuple[int, ...], gap: Gap, rng: np.random.Generator
) -> UInt8[np.ndarray, "rows columns 3"]:
    """The surface's colour, a little lighter or darker than the next one's, through the sensor."""
    light = rng.uniform(0.85, 1.1)
    return sensed(np.broadcast_to(surface.color * light, (*shape, 3)), gap, rng)


def sensed(
    color: Float64[np.ndarray, "rows columns 3"], gap: Gap, rng: np.random.Generator
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Colours through the sensor: texture, response, tint, loss of colour, lift, noise."""
    raw = np.clip(color + rng.normal(0, 0.03, (*color.shape[:2], 1)), 0, 1)
    response = raw**gap.gamma * np.array(gap.tint)
    grey = response.mean(axis=-1, keepdims=True)
    mixed = response * (1 - gap.grey) + grey * gap.grey
    noisy = gap.lift + (1 - gap.lift) * mixed + rng.normal(0, gap.color_noise, color.shape)
    return np.rint(255 * noisy.clip(0, 1)).astype(np.uint8)


def placed(
    points: Float64[np.ndarray, "*shape 3"],
    turn: Float64[np.ndarray, "3 3"],
    shift: Float64[np.ndarray, " 3"],
) -> Float32[np.ndarray, "*shape 3"]:
    """Points of the room in the frame of the file."""
    return (points @ turn.T + shift).astype(np.float32)
