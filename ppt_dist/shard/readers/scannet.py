"""ScanNet v1 and v2: the reduced mesh of a scan with its labels.

Rules of the official preprocessing (Pointcept ``preprocess_scannet.py`` at d74c646): vertices in
the order of the mesh, area-weighted normals, no axis alignment; an object's raw category leads
through the label table to a nyu40 id and from there to a class; later objects overwrite earlier
ones.

Where ``segs`` or ``aggregation`` are absent, ``labels.ply`` is read. Release 1 writes raw ids into
it and release 2 nyu40 ids, and nothing in the file says which: an id above 40 cannot be a nyu40 id,
so one such id makes them all raw; else they are nyu40, with a note where the ``txt`` has no
``axisAlignment``, which release 2 has.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int16, Int32, Int64

from ppt_dist.scene.scene import UNLABELLED, Scene
from ppt_dist.section import BadInput, Section, parse
from ppt_dist.shard.readers.label_table import LabelTable, find_table
from ppt_dist.shard.readers.normals import of_mesh
from ppt_dist.shard.readers.ply import Ply, columns, read_ply
from ppt_dist.shard.readers.reading import Raw, Reading, check_scene, packed_ids

HIGHEST_NYU40 = 40


class Options(Section):
    """The recipe's ``[options]``."""

    label_table: str
    """File in the recipe's folder, for raw folders without a table."""


class _Labels(NamedTuple):
    segment: Int16[np.ndarray, " points"]
    instance: Int32[np.ndarray, " points"]
    notes: tuple[str, ...] = ()


def find(root: Path, listed: str) -> dict[str, Path]:
    """Folder with files of the scan: below ``scans``, ``scans_test``, or the root itself."""
    places = (root / "scans" / listed, root / "scans_test" / listed, root / listed)
    place = next((place for place in places if place.is_dir() and _holds(place, listed)), None)
    return {listed: place} if place else {}


def _holds(place: Path, scan: str) -> bool:
    starts = (f"{scan}_", f"{scan}.")
    return any(path.name.startswith(starts) for path in place.iterdir())


def read(scene_id: str, place: Path, raw: Raw) -> Reading:
    """The scan in ``place``."""
    options = parse(Options, raw.recipe.options, raw.folder / "recipe.toml: options")
    path = place / f"{scene_id}_vh_clean_2.ply"
    mesh = read_ply(path)
    coord = columns(mesh, ("x", "y", "z"), np.float32, path)
    labels = _labels(scene_id, place, len(coord), _Classes.of(raw, options))
    scene = Scene(
        name=scene_id,
        coord=coord,
        color=columns(mesh, ("red", "green", "blue"), np.uint8, path),
        normal=_normals(mesh, coord, path),
        segment=labels.segment,
        instance=labels.instance,
    )
    return Reading(check_scene(scene, path), labels.notes)


class _Classes(NamedTuple):
    """From raw names and ids to label indices."""

    table: LabelTable
    of_nyu40: Mapping[int, int]

    @staticmethod
    def of(raw: Raw, options: Options) -> "_Classes":
        entries = enumerate(raw.recipe.classes)
        of_nyu40 = {int(nyu): i for i, entry in entries for nyu in entry.raw}
        return _Classes(find_table(raw.root, raw.folder / options.label_table), of_nyu40)

    def of_name(self, name: str) -> int:
        """A name that the table lacks (``trashcan``) is unlabelled."""
        return self.of_nyu40.get(self.table.of_name.get(name, 0), UNLABELLED)

    def check_ids(self, ids: Int64[np.ndarray, " points"], path: Path) -> None:
        """Refuse ids beyond the table's; one in a gap of it (12, release 1's bins) is unlabelled.

        Raises:
            BadInput: names file, vertex and id.
        """
        highest = max(self.table.of_id, default=0)
        outside = np.flatnonzero((ids < 0) | (ids > highest))
        if len(outside):
            raise BadInput(
                f"{path}: vertex {outside[0]} has label {ids[outside[0]]}; the label table has ids "
                f"from 1 to {highest}: put the table that belongs to the scans beside them"
            )

    def of_ids(
        self, ids: Int64[np.ndarray, " points"], *, raw: bool
    ) -> Int16[np.ndarray, " points"]:
        distinct, inverse = np.unique(ids, return_inverse=True)
        nyu = [self.table.of_id.get(int(i), 0) if raw else int(i) for i in distinct]
        index = np.array([self.of_nyu40.get(n, UNLABELLED) for n in nyu], np.int16)
        return index[inverse]


def _normals(mesh: Ply, coord: np.ndarray, path: Path) -> np.ndarray | None:
    if not np.isfinite(coord).all():
        raise BadInput(f"{path}: a coordinate is not finite")
    return of_mesh(coord, mesh.triangles) if len(mesh.triangles) else None


def _labels(scene_id: str, place: Path, points: int, classes: _Classes) -> _Labels:
    """From segments and objects; else from ``labels.ply``; else none."""
    segments = place / f"{scene_id}_vh_clean_2.0.010000.segs.json"
    objects = place / f"{scene_id}.aggregation.json"
    labelled = place / f"{scene_id}_vh_clean_2.labels.ply"
    if segments.is_file() and objects.is_file():
        return _from_objects(segments, objects, points, classes)
    if labelled.is_file():
        return _from_labels(labelled, place / f"{scene_id}.txt", points, classes)
    none = np.full(points, UNLABELLED)
    return _Labels(none.astype(np.int16), none.astype(np.int32))


def _from_objects(segments: Path, objects: Path, points: int, classes: _Classes) -> _Labels:
    of_vertex = np.asarray(_json(segments, "segIndices"))
    if of_vertex.dtype.kind not in "iu" or of_vertex.shape != (points,):
        raise BadInput(
            f"{segments}: segIndices has shape {of_vertex.shape} of {of_vertex.dtype}, "
            f"but the mesh has {points} vertices"
        )
    known, inverse = np.unique(of_vertex, return_inverse=True)
    segment = np.full(len(known), UNLABELLED, np.int16)
    instance = np.full(len(known), UNLABELLED, np.int64)
    for group in _json(objects, "segGroups"):
        try:
            number, name, members = int(group["id"]), str(group["label"]), group["segments"]
            place = np.searchsorted(known, np.asarray(members, np.int64)).clip(max=len(known) - 1)
        except (KeyError, TypeError, ValueError):
            raise BadInput(
                f"{objects}: a group lacks id, label or segments: {group!r:.120}"
            ) from None
        strangers = np.setdiff1d(members, known[place])
        if len(strangers):
            raise BadInput(
                f"{objects}: object {number} has segment {strangers[0]}, not in {segments.name}"
            )
        segment[place], instance[place] = classes.of_name(name), number
    return _Labels(segment[inverse], packed_ids(instance[inverse]))


def _from_labels(path: Path, txt: Path, points: int, classes: _Classes) -> _Labels:
    ids = columns(read_ply(path), ("label",), np.int64, path)[:, 0]
    if len(ids) != points:
        raise BadInput(f"{path}: {len(ids)} vertices, but the mesh has {points}")
    classes.check_ids(ids, path)
    raw = bool((ids > HIGHEST_NYU40).any())
    aligned = txt.is_file() and "axisAlignment" in txt.read_text("utf-8", "replace")
    doubt = (
        ()
        if raw or aligned
        else (
            f"{path}: no id above {HIGHEST_NYU40}, no axisAlignment in {txt.name}: read as nyu40",
        )
    )
    none = np.full(points, UNLABELLED, np.int32)
    return _Labels(classes.of_ids(ids, raw=raw), none, doubt)


def _json(path: Path, key: str) -> Any:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"{path}: not JSON: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get(key), list):
        raise BadInput(f"{path}: no list {key!r}")
    return content[key]
