"""Writes a scanned room as ScanNet v2 does: mesh, labels, segments, objects, txt."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt8

from ppt_dist.journal.durable import write_durably
from ppt_dist.scene.augment.geometry import rotation
from ppt_dist.shard.readers.label_table import find_table
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.synth.scan import Patch, placed

TABLE = "scannetv2-labels.combined.tsv"


class Mesh(NamedTuple):
    """The seen points of all patches, and the triangles between neighbours that are all seen."""

    coord: Float32[np.ndarray, "points 3"]
    color: UInt8[np.ndarray, "points 3"]
    faces: Int32[np.ndarray, "faces 3"]
    patch: Int64[np.ndarray, " points"]
    """Index of the patch that a point lies on: it is the point's segment."""


def write_scan(
    root: Path,
    scene_id: str,
    patches: list[Patch],
    labels: Mapping[str, str],
    rng: np.random.Generator,
) -> None:
    """Write the files of one scan below ``root/scans``."""
    angle = rng.uniform(0, 2 * np.pi)
    mesh = to_mesh(patches, rotation("z", angle), np.array([*rng.uniform(0, 3, 2), 0.0]))
    folder = root / "scans" / scene_id
    nyu = _nyu40(patches, labels)[mesh.patch]
    write_durably(folder / f"{scene_id}_vh_clean_2.ply", _ply(mesh))
    write_durably(folder / f"{scene_id}_vh_clean_2.labels.ply", _ply(mesh, nyu))
    _write_json(
        folder / f"{scene_id}_vh_clean_2.0.010000.segs.json",
        {"params": {}, "sceneId": scene_id, "segIndices": mesh.patch.tolist()},
    )
    _write_json(
        folder / f"{scene_id}.aggregation.json",
        {
            "sceneId": f"scannet.{scene_id}",
            "appId": "Aggregator.v2",
            "segGroups": _objects(patches, mesh, labels),
            "segmentsFile": f"scannet.{scene_id}_vh_clean_2.0.010000.segs.json",
        },
    )
    align = np.eye(4)
    align[:3, :3] = rotation("z", -angle)
    numbers = " ".join(f"{value:.6f}" for value in align.ravel())
    write_durably(folder / f"{scene_id}.txt", f"axisAlignment = {numbers} \n".encode())


def write_table(root: Path) -> None:
    """Put the label table where the release has it."""
    _, folder = find_recipe("scannet")
    write_durably(root / TABLE, (folder / TABLE).read_bytes())


def to_mesh(patches: list[Patch], turn: np.ndarray, shift: np.ndarray) -> Mesh:
    """Seen points that belong to a triangle, in the file's frame."""
    faces, coords, colors, owners, base = [], [], [], [], 0
    for i, patch in enumerate(patches):
        number = base + np.arange(patch.seen.size).reshape(patch.seen.shape)
        whole = (
            patch.seen[:-1, :-1] & patch.seen[1:, :-1] & patch.seen[:-1, 1:] & patch.seen[1:, 1:]
        )
        a, b = number[:-1, :-1][whole], number[1:, :-1][whole]
        c, d = number[1:, 1:][whole], number[:-1, 1:][whole]
        faces += [np.stack([a, b, c], 1), np.stack([a, c, d], 1)]
        coords.append(patch.points.reshape(-1, 3))
        colors.append(patch.color.reshape(-1, 3))
        owners.append(np.full(patch.seen.size, i))
        base += patch.seen.size
    triangles = np.concatenate(faces)
    used, compact = np.unique(triangles, return_inverse=True)
    return Mesh(
        placed(np.concatenate(coords)[used], turn, shift),
        np.concatenate(colors)[used],
        compact.reshape(-1, 3).astype(np.int32),
        np.concatenate(owners)[used],
    )


def _nyu40(patches: list[Patch], labels: Mapping[str, str]) -> np.ndarray:
    """nyu40 id of each patch, by the table that is shipped with the recipe."""
    _, folder = find_recipe("scannet")
    table = find_table(folder, folder / TABLE)
    return np.array([table.of_name[labels[p.surface.shape]] for p in patches], np.uint16)


def _objects(
    patches: list[Patch], mesh: Mesh, labels: Mapping[str, str]
) -> list[dict[str, object]]:
    present = {int(i) for i in np.unique(mesh.patch)}
    pieces: dict[int, list[int]] = {}
    for i in sorted(present):
        pieces.setdefault(patches[i].surface.piece, []).append(i)
    return [
        {
            "id": n,
            "objectId": n,
            "segments": segments,
            "label": labels[patches[segments[0]].surface.shape],
        }
        for n, segments in enumerate(pieces.values())
    ]


def _ply(mesh: Mesh, label: np.ndarray | None = None) -> bytes:
    """Little-endian PLY with the header lines of the release."""
    fields = [("coord", "<f4", (3,)), ("color", "u1", (4,))]
    fields += [] if label is None else [("label", "<u2")]
    vertex = np.zeros(len(mesh.coord), np.dtype(fields))
    vertex["coord"], vertex["color"][:, :3], vertex["color"][:, 3] = mesh.coord, mesh.color, 255
    if label is not None:
        vertex["label"] = label
    face = np.zeros(len(mesh.faces), np.dtype([("count", "u1"), ("corner", "<i4", (3,))]))
    face["count"], face["corner"] = 3, mesh.faces
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {'VCGLIB' if label is None else 'MLIB'} generated",
        f"element vertex {len(vertex)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {name}" for name in ("red", "green", "blue", "alpha")),
        *([] if label is None else ["property ushort label"]),
        f"element face {len(face)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    return "\n".join(lines).encode() + vertex.tobytes() + face.tobytes()


def _write_json(path: Path, content: dict[str, object]) -> None:
    write_durably(path, json.dumps(content).encode())
