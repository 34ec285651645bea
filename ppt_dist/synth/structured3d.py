"""Writes a room as Structured3D does: views with depth, semantics and normals inside zip files."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, UInt16
from PIL import Image

from ppt_dist.journal.durable import write_durably
from ppt_dist.scene.augment.geometry import rotation
from ppt_dist.shard.readers.views import (
    Pose,
    Rays,
    panorama_rays,
    perspective_rays,
    pose_of,
)
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.synth.raycast import NOTHING, cast, normal_at
from ppt_dist.synth.room import Room
from ppt_dist.synth.scan import sensed
from ppt_dist.synth.surface import Surface
from ppt_dist.synth.world import World

PANORAMA = (128, 256)
"""Rows and columns; the release has 512 and 1024."""
PERSPECTIVE = (120, 160)
"""The release has 720 and 1280."""
VIEWS = 2
"""Perspective views of a room."""
HALF_WIDTH = 0.72
"""Half the field of view across, radians."""


class Placed(NamedTuple):
    """A room at its place in the apartment, metres."""

    surfaces: list[Surface]
    colors: Float64[np.ndarray, "surfaces 3"]
    turn: Float64[np.ndarray, "3 3"]
    shift: Float64[np.ndarray, " 3"]


def write_room(
    root: Path, scene_id: str, room: Room, world: World, rng: np.random.Generator
) -> None:
    """Write an apartment of one room into a zip of panoramas and a zip of perspective views."""
    placed = place(room, rng)
    number = int(scene_id.removeprefix("scene_"))
    inside = f"Structured3D/{scene_id}/2D_rendering/{int(rng.integers(1000, 999_999))}"
    eye = placed.turn @ _somewhere(room, rng) + placed.shift
    rays = panorama_rays(*PANORAMA)
    panorama = {"camera_xyz.txt": _numbers(1000 * eye)} | {
        f"full/{name}": content for name, content in _render(placed, eye, rays, world, rng).items()
    }
    perspective = {}
    for view in range(VIEWS):
        pose = _pose(room, placed, rng)
        rays = perspective_rays(pose, *PERSPECTIVE)
        folder = f"full/{view}"
        perspective[f"{folder}/camera_pose.txt"] = _pose_line(pose)
        images = _render(placed, pose.eye / 1000, rays, world, rng)
        perspective |= {f"{folder}/{name}": content for name, content in images.items()}
    for kind, file, members in (
        ("panorama", f"Structured3D_panorama_{number:05d}.zip", panorama),
        ("perspective", f"Structured3D_perspective_full_{number:05d}.zip", perspective),
    ):
        named = {f"{inside}/{kind}/{name}": content for name, content in members.items()}
        write_durably(root / file, _zip(named))


def place(room: Room, rng: np.random.Generator) -> Placed:
    """The room turned and shifted, each surface a little lighter or darker than the next one."""
    turn = rotation("z", rng.uniform(0, 2 * np.pi))
    shift = np.array([*rng.uniform(-8, 8, 2), 0.0])
    surfaces = [surface.moved(turn, shift) for surface in room.surfaces]
    light = rng.uniform(0.85, 1.1, (len(surfaces), 1))
    return Placed(surfaces, np.stack([s.color for s in surfaces]) * light, turn, shift)


def _somewhere(room: Room, rng: np.random.Generator) -> Float64[np.ndarray, " 3"]:
    x, y = rng.uniform(0.3, 0.7, 2) * (room.width, room.depth)
    return np.array([x, y, rng.uniform(1.4, 1.7)])


def _pose(room: Room, placed: Placed, rng: np.random.Generator) -> Pose:
    """From somewhere to the middle of the room, a little downwards; millimetres."""
    eye = _somewhere(room, rng)
    angle = rng.uniform(0, 2 * np.pi)
    forward = placed.turn @ np.array([np.cos(angle), np.sin(angle), rng.uniform(-0.35, 0.0)])
    half_height = np.arctan(np.tan(HALF_WIDTH) * PERSPECTIVE[0] / PERSPECTIVE[1])
    where = 1000 * (placed.turn @ eye + placed.shift)
    line = [*where, *forward / np.linalg.norm(forward), 0.0, 0.0, 1.0, HALF_WIDTH, half_height]
    return pose_of([float(word) for word in _numbers(np.array(line)).split()])


def _render(
    placed: Placed,
    eye: Float64[np.ndarray, " 3"],
    rays: Rays,
    world: World,
    rng: np.random.Generator,
) -> Mapping[str, bytes]:
    """The images of a view; depth is in lengths of its rays."""
    hits = cast(eye, rays, placed.surfaces)
    seen = hits.surface != NOTHING
    index = np.where(seen, hits.surface, 0)
    normal = np.zeros(rays.shape)
    for i in np.unique(hits.surface[seen]):
        here = hits.surface == i
        normal[here] = normal_at(
            placed.surfaces[i], eye + hits.distance[here][:, None] * rays[here]
        )
    normal *= np.where(np.einsum("rci,rci->rc", normal, rays)[..., None] > 0, -1, 1)
    nyu, piece = _ids(placed.surfaces, world)
    alpha = np.full((*rays.shape[:2], 1), 255, np.uint8)
    color = np.concatenate([sensed(placed.colors[index], world.gap, rng), alpha], axis=2)
    return {
        "depth.png": _png(_millimetres(np.where(seen, hits.distance, 0))),
        "instance.png": _png(np.where(seen, piece[index], 65_535).astype(np.uint16)),
        "normal.png": _png(np.rint(128 * (1 + normal)).clip(0, 255).astype(np.uint8)),
        "rgb_rawlight.png": _png(color),
        "semantic.png": _png(np.where(seen, nyu[index], 0).astype(np.uint8), palette=True),
    }


def _millimetres(metres: Float64[np.ndarray, "rows columns"]) -> UInt16[np.ndarray, "rows columns"]:
    return np.rint(1000 * metres).clip(0, 65_534).astype(np.uint16)


def _ids(surfaces: list[Surface], world: World) -> tuple[np.ndarray, np.ndarray]:
    """nyu40 id and object of each surface."""
    recipe, _ = find_recipe("structured3d")
    of_name = {entry.name: int(entry.raw[0]) for entry in recipe.classes}
    nyu = [of_name[world.labels[surface.shape]] for surface in surfaces]
    return np.array(nyu), np.array([surface.piece for surface in surfaces])


def _png(pixels: np.ndarray, *, palette: bool = False) -> bytes:
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette(np.random.default_rng(0).integers(0, 256, 768, np.uint8).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def _zip(members: Mapping[str, bytes]) -> bytes:
    """The same members give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _numbers(values: np.ndarray) -> bytes:
    return " ".join(f"{value:.6f}" for value in values).encode()


def _pose_line(pose: Pose) -> bytes:
    half = np.array([pose.half_width, pose.half_height])
    return _numbers(np.concatenate([pose.eye, pose.forward, pose.up, half])) + b" 1"
