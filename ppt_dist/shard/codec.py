"""A record: a scene as standard ``.npy`` files, one a field, some inside zstd, and a few words."""

import json
from collections.abc import Mapping
from typing import Literal

import numpy as np
from pydantic import NonNegativeInt

from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput, Section, parse
from ppt_dist.shard.form import ALWAYS, restored, shape_of, stored
from ppt_dist.shard.lattice import Lattice, lattice_of, morton_order
from ppt_dist.shard.manifest import Field
from ppt_dist.shard.member import Content
from ppt_dist.shard.npy import from_npy, from_zstd, to_npy, to_zstd

META = "meta.json"
"""Suffix of the member that says what the record is."""
LEVEL, COMPACT_LEVEL = 3, 9
"""Of zstd. Reading takes as long at any level; plain labels shrink fifty-fold at any, too."""


def in_morton_order(scene: Scene, edge: float) -> Scene:
    """The scene with neighbours near each other in the file, which then shrinks better.

    ``edge`` is that of a voxel in training, metres. Not for a split whose scores or submissions are
    about the points in their own order.
    """
    return scene.take(morton_order(scene.coord, lattice_of(scene.coord, edge)))


def encode(scene: Scene, fields: Mapping[str, Field], edge: float) -> dict[str, bytes]:
    """Members of the scene's record by suffix; the same scene gives the same bytes.

    Args:
        scene: to be stored.
        fields: how its arrays are stored.
        edge: of a voxel in training, metres; a lattice divides it.

    Raises:
        BadInput: a field cannot hold what the scene has.
    """
    compact = fields["coord"].codec == "lattice"
    level = COMPACT_LEVEL if compact else LEVEL
    steps = lattice_of(scene.coord, edge) if compact else None
    meta = _Meta(name=scene.name, points=len(scene), lattice=steps)
    text = json.dumps(meta.model_dump(exclude_none=True), sort_keys=True)
    members = {META: text.encode()}
    for name, field in fields.items():
        array = getattr(scene, name)
        if array is not None:
            content = to_npy(np.ascontiguousarray(stored(array, name, field, steps)))
            zstd = field.suffix == "npy.zst"
            members[f"{name}.{field.suffix}"] = to_zstd(content, level) if zstd else content
    return members


def decode(members: Mapping[str, Content], fields: Mapping[str, Field]) -> Scene:
    """The scene of a record; nothing in it is run.

    Its arrays can be written to; some lie in ``members``, where those can be written to.

    Raises:
        BadInput: a member is missing, or not what the manifest says.
    """
    meta = _read_meta(members)
    arrays = {
        name: _array(members[f"{name}.{field.suffix}"], name, field, meta)
        for name, field in fields.items()
        if f"{name}.{field.suffix}" in members
    }
    missing = ALWAYS - arrays.keys()
    if missing:
        raise BadInput(f"the record lacks {', '.join(sorted(missing))}")
    return Scene(name=meta.name, **arrays)


def step_of(members: Mapping[str, Content]) -> float | None:
    """Metres between the places that coordinates were rounded to; None where they were not."""
    steps = _read_meta(members).lattice
    return None if steps is None else steps.step


class _Meta(Section):
    format: Literal[1] = 1
    name: str
    points: NonNegativeInt
    lattice: Lattice | None = None


def _read_meta(members: Mapping[str, Content]) -> _Meta:
    try:
        table = json.loads(bytes(members[META]))
    except KeyError:
        raise BadInput(f"the record lacks {META}") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{META}: not JSON: {error}") from None
    if not isinstance(table, dict):
        raise BadInput(f"{META}: not a JSON object")
    return parse(_Meta, table, META)


def _array(content: Content, name: str, field: Field, meta: _Meta) -> np.ndarray:
    shape = shape_of(field, meta.points, meta.lattice)
    read = from_zstd if field.suffix == "npy.zst" else from_npy
    return restored(read(content, field.dtype, shape, name), name, field, meta.lattice)
