"""Normals as two bytes: the unit sphere unfolded to a square through an octahedron.

Source: Meyer et al., "On Floating-Point Normal Vectors" (EGSR 2010); the choice among neighbours as
"oct16P" of Cigolle et al., "A Survey of Efficient Representations for Independent Unit Vectors"
(JCGT 3(2), 2014), here with eight bits a coordinate.
"""

import functools
import typing

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from ppt_dist.scene.kernel import kernel

STEPS = 127
"""From the middle of the square to its edge."""
UNDEFINED = 255
"""Byte that no coordinate takes: a normal of zeros has it twice."""
LARGEST_ERROR = 0.7
"""Degrees between a unit normal and what comes back."""


def to_bytes(normal: Float32[np.ndarray, "points 3"]) -> UInt8[np.ndarray, "2 points"]:
    """Code of each normal, of unit length or zero: the nearest of the four around its place."""
    wanted = normal.astype(np.float64)
    length = np.linalg.norm(wanted, axis=1)
    wanted /= np.where(length > 0, length, 1)[:, None]
    low = np.floor(_unfold(wanted) * STEPS)
    best, code = np.full(len(normal), -2.0), np.full((len(normal), 2), UNDEFINED, np.uint8)
    for corner in ((0, 0), (0, 1), (1, 0), (1, 1)):
        place = np.clip(low + corner, -STEPS, STEPS)
        alike = (_fold(place / STEPS) * wanted).sum(1)
        better = (alike > best) & (length > 0)
        code[better] = (place[better] + STEPS).astype(np.uint8)
        best[better] = alike[better]
    return np.ascontiguousarray(code.T)


def from_bytes(code: UInt8[np.ndarray, "2 points"]) -> Float32[np.ndarray, "points 3"]:
    """Unit normals, or zeros where a code says that there is none."""
    normal = np.empty((code.shape[1], 3), np.float32)
    _look_up(code, table(), normal)
    return normal


@functools.cache
def table() -> Float32[np.ndarray, "codes 3"]:
    """The normal of every code: row ``256 * first + second``."""
    first, second = np.divmod(np.arange(1 << 16), 256)
    normal = _fold(np.stack([first, second], 1) / STEPS - 1)
    normal[(first == UNDEFINED) | (second == UNDEFINED)] = 0
    return normal.astype(np.float32)


def _unfold(normal: Float64[np.ndarray, "points 3"]) -> Float64[np.ndarray, "points 2"]:
    """Places in the square from -1 to 1."""
    span = np.abs(normal).sum(1, keepdims=True)
    place = normal[:, :2] / np.where(span > 0, span, 1)
    return np.where(normal[:, 2:] < 0, _mirrored(place), place)


def _fold(place: Float64[np.ndarray, "points 2"]) -> Float64[np.ndarray, "points 3"]:
    """The unit normals at places in the square."""
    height = 1 - np.abs(place).sum(1, keepdims=True)
    flat = np.where(height < 0, _mirrored(place), place)
    normal = np.concatenate([flat, height], 1)
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _mirrored(place: Float64[np.ndarray, "points 2"]) -> Float64[np.ndarray, "points 2"]:
    """The lower half of the octahedron lies in the corners of the square."""
    return (1 - np.abs(place[:, ::-1])) * np.where(place < 0, -1.0, 1.0)


@kernel
@typing.no_type_check
def _look_up(code: np.ndarray, table: np.ndarray, normal: np.ndarray) -> None:
    for i in range(len(normal)):
        row = (np.int64(code[0, i]) << 8) | np.int64(code[1, i])
        normal[i, 0] = table[row, 0]
        normal[i, 1] = table[row, 1]
        normal[i, 2] = table[row, 2]
