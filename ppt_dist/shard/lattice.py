"""Coordinates as steps on a lattice, stored as planes of bytes.

The planes of steps that lie at ``step`` metres from ``origin`` hold ``q``, the lowest byte first.
What comes back is ``float32(origin + (q + 0.5) * step)`` in float64: the middle of the point's
cell, so that it stays in it. Origins are whole steps; where ``step`` divides a voxel's edge, points
keep their voxels.
"""

import typing

import numpy as np
from jaxtyping import Float32, UInt8, UInt64
from pydantic import Field, FiniteFloat

from ppt_dist.scene.kernel import kernel
from ppt_dist.section import BadInput, Section

FINE, COARSE = 40, 20
"""Steps to a voxel's edge: the coarse ones where two bytes are too few for the fine."""
_MOST_PLANES = 4
_SLACK = 1 + 1e-6
"""For the rounding of float64."""


class Lattice(Section):
    """Where the steps of a record lie, and how its planes hold them."""

    origin: tuple[FiniteFloat, FiniteFloat, FiniteFloat]
    """Corner of step 0, metres."""
    step: typing.Annotated[FiniteFloat, Field(gt=0)]
    """Metres."""
    planes: typing.Annotated[int, Field(ge=2, le=_MOST_PLANES)]
    """Bytes of a step."""


def lattice_of(coord: Float32[np.ndarray, "points 3"], edge: float) -> Lattice:
    """The lattice for a scene whose voxels in training have ``edge`` metres.

    Raises:
        BadInput: coordinates are not finite, or lie too far apart for the longest steps.
    """
    if not np.isfinite(coord).all():
        raise BadInput("coord is not finite everywhere")
    for share, planes in ((FINE, 2), (COARSE, 2), (COARSE, 3), (COARSE, _MOST_PLANES)):
        step = edge / share
        if not len(coord):
            return Lattice(origin=(0.0, 0.0, 0.0), step=step, planes=2)
        low, high = (
            np.floor(end.astype(np.float64) / step) for end in (coord.min(0), coord.max(0))
        )
        if (high - low).max() < 256**planes and np.abs([low, high]).max() < 2**52:
            x, y, z = (low * step).tolist()
            return Lattice(origin=(x, y, z), step=step, planes=planes)
    width = float((coord.max(0) - coord.min(0)).max())
    raise BadInput(
        f"coord spans {width:g} m, which has no {256**_MOST_PLANES} steps of {edge / COARSE:g} m: "
        "leave strays out, or pack it plain"
    )


def to_planes(
    coord: Float32[np.ndarray, "points 3"], lattice: Lattice
) -> UInt8[np.ndarray, "planes 3 points"]:
    """Steps of each point, byte by byte, axis by axis."""
    steps = _steps(coord, lattice).T
    return np.stack([(steps >> np.uint64(8 * n)).astype(np.uint8) for n in range(lattice.planes)])


def from_planes(
    planes: UInt8[np.ndarray, "planes 3 points"], lattice: Lattice
) -> Float32[np.ndarray, "points 3"]:
    """Coordinates, metres, each in the middle of its cell."""
    coord = np.empty((planes.shape[2], 3), np.float32)
    place = _place_two if lattice.planes == 2 else _place
    place(planes, np.array(lattice.origin), lattice.step, coord)
    return coord


def largest_error(coord: Float32[np.ndarray, "points 3"], step: float) -> float:
    """Metres on one axis that ``coord``, as it came back, can be off: half a step, and rounding."""
    reach = np.abs(coord).max(initial=0.0)
    return (step + float(np.spacing(np.float32(reach)))) / 2 * _SLACK


def morton_order(coord: Float32[np.ndarray, "points 3"], lattice: Lattice) -> np.ndarray:
    """Points along the Z-curve of their steps, those of one cell in the order they had.

    Source: Morton, "A Computer Oriented Geodetic Data Base" (IBM, 1966). Of steps longer than 21
    bits the lowest are not looked at.
    """
    steps = _steps(coord, lattice)
    steps >>= np.uint64(max(0, 8 * lattice.planes - 21))
    code = np.zeros(len(coord), np.uint64)
    for axis in range(3):
        code |= _spread(steps[:, axis]) << np.uint64(axis)
    return np.argsort(code, kind="stable")


def _steps(
    coord: Float32[np.ndarray, "points 3"], lattice: Lattice
) -> UInt64[np.ndarray, "points 3"]:
    first = np.round(np.array(lattice.origin) / lattice.step)
    steps = np.floor(coord.astype(np.float64) / lattice.step) - first
    return steps.astype(np.uint64)


def _spread(bits: UInt64[np.ndarray, " points"]) -> UInt64[np.ndarray, " points"]:
    """Two zeros behind each of 21 bits."""
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):
        bits = (bits | (bits << np.uint64(shift))) & np.uint64(mask)
    return bits


@kernel
@typing.no_type_check
def _place_two(planes: np.ndarray, origin: np.ndarray, step: float, coord: np.ndarray) -> None:
    for i in range(len(coord)):
        for axis in range(3):
            q = planes[0, axis, i] | (np.int64(planes[1, axis, i]) << 8)
            coord[i, axis] = origin[axis] + (q + 0.5) * step


@kernel
@typing.no_type_check
def _place(planes: np.ndarray, origin: np.ndarray, step: float, coord: np.ndarray) -> None:
    for i in range(len(coord)):
        for axis in range(3):
            q = np.int64(0)
            for n in range(len(planes)):
                q |= np.int64(planes[n, axis, i]) << (8 * n)
            coord[i, axis] = origin[axis] + (q + 0.5) * step
