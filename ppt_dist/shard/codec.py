"""Codec ``plain``: a scene as standard ``.npy`` files, one a field, some inside zstd."""

import io
import json
import math
from collections.abc import Mapping

import numpy as np
import zstandard
from numpy.lib import format as npy

from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput
from ppt_dist.shard.manifest import Field

META = "meta.json"
"""Suffix of the member that says what the record is."""
RECORD_FORMAT = 1
LEVEL = 3
"""Of zstd. Labels shrink fifty-fold at any level; the rest is stored as it is."""

FIELDS = {
    "coord": Field(codec="plain", dtype="<f4", width=3, suffix="npy"),
    "color": Field(codec="plain", dtype="|u1", width=3, suffix="npy"),
    "normal": Field(codec="plain", dtype="<f4", width=3, suffix="npy"),
    "segment": Field(codec="plain", dtype="<i2", width=1, suffix="npy.zst"),
    "instance": Field(codec="plain", dtype="<i4", width=1, suffix="npy.zst"),
}
"""Every field that a record can hold. Channels that a scene lacks are absent from its record."""


def encode(scene: Scene, fields: Mapping[str, Field]) -> dict[str, bytes]:
    """Members of the scene's record by suffix, in a fixed order; the same scene gives the same bytes."""
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
    meta = json.loads(_member(members, META))
    arrays = {
        name: _from_npy(members[f"{name}.{field.suffix}"], field, name, meta["points"])
        for name, field in fields.items()
        if f"{name}.{field.suffix}" in members
    }
    missing = {"coord", "segment", "instance"} - arrays.keys()
    if missing:
        raise BadInput(f"the record lacks {', '.join(sorted(missing))}")
    return Scene(name=meta["name"], **arrays)


def _meta(scene: Scene) -> bytes:
    meta = {"format": RECORD_FORMAT, "name": scene.name, "points": len(scene)}
    return json.dumps(meta, sort_keys=True).encode()


def _member(members: Mapping[str, bytes], suffix: str) -> bytes:
    if suffix not in members:
        raise BadInput(f"the record lacks {suffix}")
    return members[suffix]


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
    buffer = io.BytesIO(content)
    try:
        if npy.read_magic(buffer) != (1, 0):
            raise ValueError("not version 1.0")
        found, fortran, dtype = npy.read_array_header_1_0(buffer)
    except ValueError as error:
        raise BadInput(f"{name}: not an .npy file: {error}") from None
    if dtype.hasobject:
        raise BadInput(f"{name}: holds Python objects, which are never loaded")
    if found != shape or fortran or dtype != np.dtype(field.dtype):
        raise BadInput(f"{name}: {dtype.str} {found}, but the manifest says {field.dtype} {shape}")
    start = buffer.tell()
    if len(content) != start + size:
        raise BadInput(f"{name}: {len(content) - start} bytes of data instead of {size}")
    return np.frombuffer(content, dtype, offset=start).reshape(shape).copy()


def _inflate(content: bytes, name: str, size: int) -> bytes:
    """Decompress, but no more than a header beyond ``size`` bytes."""
    try:
        return zstandard.ZstdDecompressor().decompress(content, max_output_size=size + 4096)
    except zstandard.ZstdError as error:
        raise BadInput(f"{name}: not zstd: {error}") from None
