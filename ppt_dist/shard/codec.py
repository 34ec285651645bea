"""Codec ``plain``: a scene as standard ``.npy`` files, one a field, some inside zstd."""

import io
import json
import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import zstandard
from numpy.lib import format as npy
from pydantic import NonNegativeInt

from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput, Section, parse
from ppt_dist.shard.manifest import Field

META = "meta.json"
"""Suffix of the member that says what the record is."""
LEVEL = 3
"""Of zstd. Labels shrink fifty-fold at any level; the rest is stored as it is."""

FIELDS = {
    "coord": Field(codec="plain", dtype="<f4", width=3, suffix="npy"),
    "color": Field(codec="plain", dtype="|u1", width=3, suffix="npy"),
    "normal": Field(codec="plain", dtype="<f4", width=3, suffix="npy"),
    "segment": Field(codec="plain", dtype="<i2", width=1, suffix="npy.zst"),
    "instance": Field(codec="plain", dtype="<i4", width=1, suffix="npy.zst"),
    "strength": Field(codec="plain", dtype="<f4", width=1, suffix="npy"),
}
"""Every field that a record can hold. Channels that a scene lacks are absent from its record."""
_ALWAYS = {"coord", "segment", "instance"}


def fields_of(channels: tuple[str, ...]) -> dict[str, Field]:
    """The fields of a domain whose scenes can hold ``channels``."""
    return {name: field for name, field in FIELDS.items() if name in _ALWAYS | {*channels}}


def encode(scene: Scene, fields: Mapping[str, Field]) -> dict[str, bytes]:
    """Members of the scene's record by suffix; the same scene gives the same bytes."""
    members = {META: _meta(scene)}
    for name, field in fields.items():
        array = getattr(scene, name)
        if array is not None:
            content = _to_npy(np.ascontiguousarray(array, np.dtype(field.dtype)))
            if field.suffix.endswith(".zst"):
                content = zstandard.ZstdCompressor(LEVEL).compress(content)
            members[f"{name}.{field.suffix}"] = content
    return members


def decode(members: Mapping[str, bytes], fields: Mapping[str, Field]) -> Scene:
    """The scene of a record; nothing in it is run.

    Raises:
        BadInput: a member is missing, or not what the manifest says.
    """
    meta = _read_meta(members)
    arrays = {
        name: _from_npy(members[f"{name}.{field.suffix}"], field, name, meta.points)
        for name, field in fields.items()
        if f"{name}.{field.suffix}" in members
    }
    missing = _ALWAYS - arrays.keys()
    if missing:
        raise BadInput(f"the record lacks {', '.join(sorted(missing))}")
    return Scene(name=meta.name, **arrays)


class _Meta(Section):
    format: Literal[1] = 1
    name: str
    points: NonNegativeInt


def _meta(scene: Scene) -> bytes:
    meta = _Meta(name=scene.name, points=len(scene))
    return json.dumps(meta.model_dump(), sort_keys=True).encode()


def _read_meta(members: Mapping[str, bytes]) -> _Meta:
    try:
        table = json.loads(members[META])
    except KeyError:
        raise BadInput(f"the record lacks {META}") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{META}: not JSON: {error}") from None
    if not isinstance(table, dict):
        raise BadInput(f"{META}: not a JSON object")
    return parse(_Meta, table, META)


def _to_npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    npy.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _from_npy(content: bytes, field: Field, name: str, points: int) -> np.ndarray:
    """The array, writable, after its header was compared with the manifest."""
    shape = (points,) if field.width == 1 else (points, field.width)
    size = math.prod(shape) * np.dtype(field.dtype).itemsize
    if field.suffix.endswith(".zst"):
        content = _inflate(content, name, size)
    header = _npy_header(field, shape)
    if not content.startswith(header):
        raise BadInput(f"{name}: not an .npy array of {field.dtype} {shape}, as the manifest says")
    if len(content) != len(header) + size:
        raise BadInput(f"{name}: {len(content) - len(header)} bytes of data instead of {size}")
    return np.frombuffer(content, field.dtype, offset=len(header)).reshape(shape).copy()


def _npy_header(field: Field, shape: tuple[int, ...]) -> bytes:
    """The header that numpy writes for such an array: compared, so that none is ever evaluated."""
    buffer = io.BytesIO()
    facts = {"descr": field.dtype, "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(buffer, facts)
    return buffer.getvalue()


def _inflate(content: bytes, name: str, size: int) -> bytes:
    """Decompress, but no more than a header beyond ``size`` bytes."""
    try:
        return zstandard.ZstdDecompressor().decompress(content, max_output_size=size + 4096)
    except zstandard.ZstdError as error:
        raise BadInput(f"{name}: not zstd: {error}") from None
