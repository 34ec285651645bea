"""Writes a scanned room as S3DIS v1.2 does: a text file for each object, and the area's angles."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ppt_dist.journal.durable import write_durably
from ppt_dist.scene.augment.geometry import rotation
from ppt_dist.synth.scan import Patch, placed


def write_room(
    root: Path,
    scene_id: str,
    patches: list[Patch],
    labels: Mapping[str, str],
    rng: np.random.Generator,
) -> None:
    """Write the files of one room; its angle goes to `write_angles`."""
    turn = rotation("z", np.deg2rad(angle_of(rng)))
    shift = np.array([*rng.uniform(-20, 20, 2), 0.0])
    folder = root / scene_id
    pieces: dict[int, list[Patch]] = {}
    for patch in patches:
        if patch.seen.any():
            pieces.setdefault(patch.surface.piece, []).append(patch)
    numbers: dict[str, int] = {}
    every = []
    for members in pieces.values():
        name = labels[members[0].surface.shape]
        numbers[name] = numbers.get(name, 0) + 1
        text = b"".join(_lines(patch, turn, shift) for patch in members)
        write_durably(folder / "Annotations" / f"{name}_{numbers[name]}.txt", text)
        every.append(text)
    write_durably(folder / f"{Path(scene_id).name}.txt", b"".join(every))


def angle_of(rng: np.random.Generator) -> int:
    """Degrees by which a room is turned against the axes: what the angle file must say."""
    return int(rng.integers(0, 360))


def write_angles(root: Path, angles: Mapping[str, int]) -> None:
    """Write each area's file of angles, by scene id."""
    areas: dict[str, list[str]] = {}
    for scene_id, angle in sorted(angles.items()):
        area, room = scene_id.split("/")
        areas.setdefault(area, []).append(f"{room} {angle}")
    for area, lines in areas.items():
        head = f"## Global alignment angle per disjoint space in {area} ##\n"
        head += "## Disjoint Space Name Global Alignment Angle ##\n"
        path = root / area / f"{area}_alignmentAngle.txt"
        write_durably(path, (head + "\n".join(lines) + "\n").encode())


def _lines(patch: Patch, turn: np.ndarray, shift: np.ndarray) -> bytes:
    """``x y z r g b`` with millimetres, one line for each seen point."""
    coord = placed(patch.points[patch.seen], turn, shift)
    rows = zip(coord.tolist(), patch.color[patch.seen].tolist(), strict=True)
    return "".join(
        f"{x:.3f} {y:.3f} {z:.3f} {r} {g} {b}\n" for (x, y, z), (r, g, b) in rows
    ).encode()
