"""Passes over rows of three numbers, places or colours, each in one go."""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32, Float64

from ppt_dist.scene.kernel import kernel

Rows = Float32[np.ndarray, "rows 3"]
Row = Float32[np.ndarray, " 3"]


class Bounds(NamedTuple):
    """The box around some rows; zeros where there are none."""

    low: Row
    high: Row

    def middle(self) -> Row:
        """Of the box."""
        return (self.low + self.high) / 2


def bounds(rows: Rows) -> Bounds:
    """The least and the greatest of each column."""
    low, high = _bounds(rows)
    return Bounds(low, high)


def mapped(
    rows: Rows, matrix: Float64[np.ndarray, "3 3"], shift: Float64[np.ndarray, " 3"]
) -> Rows:
    """``matrix @ row + shift`` of each row, in single precision from left to right."""
    return _mapped(rows, matrix.astype(np.float32), shift.astype(np.float32))


def scaled(
    rows: Rows, by: Float64[np.ndarray, " 3"], shift: Float64[np.ndarray, " 3"] | None = None
) -> Rows:
    """``by * row + shift`` of each row."""
    return mapped(rows, np.diag(by), np.zeros(3) if shift is None else shift)


@kernel
@no_type_check
def _bounds(rows: Rows) -> tuple[Row, Row]:
    if not len(rows):
        return np.zeros(3, np.float32), np.zeros(3, np.float32)
    a, b, c = rows[0]
    x, y, z = rows[0]
    for i in range(1, len(rows)):
        a, x = min(a, rows[i, 0]), max(x, rows[i, 0])
        b, y = min(b, rows[i, 1]), max(y, rows[i, 1])
        c, z = min(c, rows[i, 2]), max(z, rows[i, 2])
    return np.array([a, b, c]), np.array([x, y, z])


@kernel
@no_type_check
def _mapped(rows: Rows, m: Float32[np.ndarray, "3 3"], shift: Row) -> Rows:
    out = np.empty_like(rows)
    for i in range(len(rows)):
        x, y, z = rows[i, 0], rows[i, 1], rows[i, 2]
        for k in range(3):
            out[i, k] = x * m[k, 0] + y * m[k, 1] + z * m[k, 2] + shift[k]
    return out


@kernel
@no_type_check
def clipped(rows: Rows, low: Row, high: Row) -> Rows:
    """Each column moved into its range."""
    out = np.empty_like(rows)
    for i in range(len(rows)):
        for k in range(3):
            out[i, k] = min(max(rows[i, k], low[k]), high[k])
    return out


@kernel
@no_type_check
def squared_distances(rows: Rows, to: Row) -> Float32[np.ndarray, " rows"]:
    """Of each row to one place."""
    out = np.empty(len(rows), np.float32)
    for i in range(len(rows)):
        x, y, z = rows[i, 0] - to[0], rows[i, 1] - to[1], rows[i, 2] - to[2]
        out[i] = x * x + y * y + z * z
    return out
