"""How each array of a scene is stored: as it is, or as columns of bytes that shrink well."""

from typing import Literal, NamedTuple, get_args

import numpy as np

from ppt_dist.section import BadInput
from ppt_dist.shard import hue, lattice, octahedral
from ppt_dist.shard.lattice import Lattice
from ppt_dist.shard.manifest import Field, Order

Codec = Literal["plain", "compact"]
"""``plain`` keeps every bit; ``compact`` is several times smaller and rounds within bounds."""
CODECS: tuple[Codec, ...] = get_args(Codec)


class Storage(NamedTuple):
    """How the scenes of a split are stored."""

    codec: Codec = "plain"
    order: Order = "source"


PLAIN = {
    "coord": Field(codec="plain", dtype="<f4", width=3, suffix="npy"),
    "color": Field(codec="plain", dtype="|u1", width=3, suffix="npy"),
    "normal": Field(codec="plain", dtype="<f4", width=3, suffix="npy"),
    "segment": Field(codec="plain", dtype="<i2", width=1, suffix="npy.zst"),
    "instance": Field(codec="plain", dtype="<i4", width=1, suffix="npy.zst"),
    "strength": Field(codec="plain", dtype="<f4", width=1, suffix="npy"),
}
"""Every field that a record of codec ``plain`` can hold; what a scene lacks is absent."""
COMPACT = {
    "coord": Field(codec="lattice", dtype="|u1", width=3, suffix="npy.zst"),
    "color": Field(codec="differences", dtype="|u1", width=3, suffix="npy.zst"),
    "normal": Field(codec="octahedral", dtype="|u1", width=2, suffix="npy.zst"),
    "segment": Field(codec="plain", dtype="<i2", width=1, suffix="npy.zst"),
    "instance": Field(codec="plain", dtype="<i4", width=1, suffix="npy.zst"),
    "strength": Field(codec="plain", dtype="<f2", width=1, suffix="npy.zst"),
}
"""The same of codec ``compact``."""
ALWAYS = {"coord", "segment", "instance"}
"""Fields of every record."""

UNIT = 1e-3
"""How far the length of a normal may be from 1."""


def fields_of(channels: tuple[str, ...], codec: Codec = "plain") -> dict[str, Field]:
    """The fields of scenes that can hold ``channels``."""
    profile = COMPACT if codec == "compact" else PLAIN
    return {name: field for name, field in profile.items() if name in ALWAYS | {*channels}}


def stored(array: np.ndarray, name: str, field: Field, steps: Lattice | None) -> np.ndarray:
    """What is written of a scene's array.

    Raises:
        BadInput: the field cannot hold it within its bounds.
    """
    if field.codec == "differences":
        return hue.to_columns(array)
    if field.codec == "octahedral":
        _refuse_odd_lengths(array)
        return octahedral.to_bytes(array)
    if field.codec == "lattice":
        return lattice.to_planes(array, _known(steps))
    with np.errstate(over="ignore"):
        narrow = array.astype(field.dtype, copy=False)
    if narrow.dtype.kind == "f" and narrow.dtype != array.dtype and not np.isfinite(narrow).all():
        raise BadInput(f"{name} is not finite everywhere, or too large for {field.dtype}")
    return narrow


def restored(array: np.ndarray, name: str, field: Field, steps: Lattice | None) -> np.ndarray:
    """A scene's array from what was written of it, which may be that itself."""
    if field.codec == "differences":
        return hue.from_columns(array)
    if field.codec == "octahedral":
        return octahedral.from_bytes(array)
    if field.codec == "lattice":
        return lattice.from_planes(array, _known(steps))
    return array.astype(PLAIN[name].dtype, copy=False)


def shape_of(field: Field, points: int, steps: Lattice | None) -> tuple[int, ...]:
    """Of what is written of an array."""
    if field.codec == "lattice":
        return (_known(steps).planes, field.width, points)
    if field.codec != "plain":
        return (field.width, points)
    return (points,) if field.width == 1 else (points, field.width)


def _known(steps: Lattice | None) -> Lattice:
    if steps is None:
        raise BadInput("coord lies on a lattice, but the record does not say on which")
    return steps


def _refuse_odd_lengths(normal: np.ndarray) -> None:
    length = np.linalg.norm(normal, axis=1)
    odd = np.flatnonzero(~((np.abs(length - 1) <= UNIT) | (length == 0)))
    if len(odd):
        raise BadInput(
            f"normal of point {odd[0]} has length {length[odd[0]]:g}: two bytes hold unit length "
            "or zero; mend them, or pack it plain"
        )
