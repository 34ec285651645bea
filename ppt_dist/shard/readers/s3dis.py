"""S3DIS v1.2: a room as one text file of points for each object.

Rules of the official preprocessing (Pointcept ``preprocess_s3dis.py`` at d74c646): files in sorted
order, one instance a file, the class is the file's name up to ``_``; with ``align`` the room is
turned by (2 - angle / 180) pi about z around the middle of its box. Normals are estimated
(`normals.of_points`); the official ones come from another download.

The release holds stray characters in numbers (Area_5/hallway_6/ceiling_1.txt, Area_5/office_19).
The rule: characters that no number is made of are dropped; if six numbers remain the line is used
and noted, else the scan is refused.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from pydantic import PositiveInt

from ppt_dist.scene.augment.geometry import rotation
from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput, Section, nearest, parse
from ppt_dist.shard.readers.normals import of_points
from ppt_dist.shard.readers.reading import Raw, Reading, check_scene

_STRAY = re.compile(rb"[^0-9eE+\-. \t]")


class Options(Section):
    """The recipe's ``[options]``."""

    unknown: str
    """Class of a prefix that no class lists."""
    align: bool
    normal_neighbours: PositiveInt


class _Object(NamedTuple):
    path: Path
    points: Float64[np.ndarray, "points 6"]
    notes: tuple[str, ...]


def find(root: Path, listed: str) -> dict[str, Path]:
    """Folder of the room."""
    place = root / listed
    return {listed: place} if (place / "Annotations").is_dir() else {}


def read(scene_id: str, place: Path, raw: Raw) -> Reading:
    """The room in ``place``."""
    options = parse(Options, raw.recipe.options, raw.folder / "recipe.toml: options")
    files = sorted(p for p in (place / "Annotations").glob("*.txt") if not p.name.startswith("."))
    if not files:
        raise BadInput(f"{place / 'Annotations'}: no points: there is no .txt file")
    objects = [_read_object(path) for path in files]
    points = np.concatenate([o.points for o in objects])
    _check(points, objects)
    sizes = [len(o.points) for o in objects]
    classes = [_class_of(o.path, raw, options) for o in objects]
    coord, notes = points[:, :3], tuple(note for o in objects for note in o.notes)
    if options.align:
        angle, unaligned = _alignment(place)
        coord, notes = _turned(coord, angle) if angle else coord, notes + unaligned
    coord = coord.astype(np.float32)
    scene = Scene(
        name=scene_id.replace("/", "-"),
        coord=coord,
        color=points[:, 3:].astype(np.uint8),
        normal=of_points(coord, options.normal_neighbours),
        segment=np.repeat(np.array(classes, np.int16), sizes),
        instance=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
    )
    return Reading(check_scene(scene, place), notes)


def _read_object(path: Path) -> _Object:
    """Points of a file; the quick way where every line is clean."""
    content = path.read_bytes()
    if not content.strip():
        raise BadInput(f"{path}: no points")
    if not _STRAY.search(content.replace(b"\n", b" ").replace(b"\r", b" ")):
        numbers = np.array(content.split(), dtype=np.bytes_)
        widths = {len(line.split()) for line in content.splitlines() if line.strip()}
        try:
            if widths == {6}:
                return _Object(path, numbers.astype(np.float64).reshape(-1, 6), ())
        except ValueError:
            pass  # a line below says which
    return _line_by_line(path, content)


def _line_by_line(path: Path, content: bytes) -> _Object:
    rows, notes = [], []
    for number, line in enumerate(content.splitlines(), 1):
        clean = _STRAY.sub(b"", line)
        if not clean.strip():
            continue
        try:
            row = [float(word) for word in clean.split()]
        except ValueError:
            row = []
        if len(row) != 6:
            raise BadInput(f"{path}:{number}: not six numbers x y z r g b: {line!r:.80}")
        if clean != line:
            notes.append(f"{path}:{number}: stray characters dropped from {line!r:.80}")
        rows.append(row)
    return _Object(path, np.array(rows, np.float64).reshape(-1, 6), tuple(notes))


def _check(points: Float64[np.ndarray, "points 6"], objects: list[_Object]) -> None:
    wrong = (
        ~np.isfinite(points).all(axis=1) | (points[:, 3:] < 0).any(1) | (points[:, 3:] > 255).any(1)
    )
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        ends = np.cumsum([len(o.points) for o in objects])
        path = objects[int(np.searchsorted(ends, first, side="right"))].path
        raise BadInput(
            f"{path}: {points[first].tolist()} is not finite, or its colour not in 0 to 255"
        )


def _class_of(path: Path, raw: Raw, options: Options) -> int:
    of_prefix = {str(r): i for i, entry in enumerate(raw.recipe.classes) for r in entry.raw}
    if options.unknown not in of_prefix:
        raise BadInput(
            f"options.unknown is {options.unknown!r}: {nearest(options.unknown, [*of_prefix])}"
        )
    return of_prefix.get(path.stem.split("_")[0], of_prefix[options.unknown])


def _alignment(place: Path) -> tuple[float, tuple[str, ...]]:
    """Angle of the room in degrees; 0 with a note where its area's file does not have it."""
    path = place.parent / f"{place.parent.name}_alignmentAngle.txt"
    lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, 1):
        if line.split()[:1] == [place.name]:
            try:
                return float(line.split()[1]), ()
            except (ValueError, IndexError):
                raise BadInput(f"{path}:{number}: no angle in {line!r}") from None
    return 0.0, (f"{path}: no angle for {place.name}: the room is not turned",)


def _turned(
    coord: Float64[np.ndarray, "points 3"], angle: float
) -> Float64[np.ndarray, "points 3"]:
    middle = (coord.min(axis=0) + coord.max(axis=0)) / 2
    return (coord - middle) @ rotation("z", (2 - angle / 180) * np.pi).T + middle
