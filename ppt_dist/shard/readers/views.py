"""Images with depth as points: the rays of their pixels, and normals from neighbouring pixels.

World frames are right-handed with z up. A pixel's ray goes through its upper left corner, as in the
data set's own and the official code: the middle of the picture is a corner.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, UInt16

Rays = Float64[np.ndarray, "rows columns 3"]


class Pose(NamedTuple):
    """A camera of perspective views."""

    eye: Float64[np.ndarray, " 3"]
    forward: Float64[np.ndarray, " 3"]
    """Unit length."""
    up: Float64[np.ndarray, " 3"]
    """Unit length, at a right angle to ``forward``."""
    half_width: float
    """Half the field of view across, radians."""
    half_height: float


def panorama_rays(rows: int, columns: int) -> Rays:
    """Unit rays of an equirectangular image: +y in the middle, +x right of it, +z in row 0."""
    across = -np.pi + 2 * np.pi * np.arange(columns) / columns
    upward = np.pi / 2 - np.pi * np.arange(rows) / rows
    a, b = np.meshgrid(across, upward)
    return np.stack([np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), np.sin(b)], axis=-1)


def perspective_rays(pose: Pose, rows: int, columns: int) -> Rays:
    """Rays that advance by one along the view direction, for depth along it."""
    right = np.cross(pose.forward, pose.up)
    x = (2 * np.arange(columns) / columns - 1) * np.tan(pose.half_width)
    y = (1 - 2 * np.arange(rows) / rows) * np.tan(pose.half_height)
    return pose.forward + x[None, :, None] * right + y[:, None, None] * pose.up


def pose_of(numbers: list[float]) -> Pose:
    """The pose in a line ``eye, view direction, up, half angles``, made orthonormal.

    Raises:
        ValueError: too few numbers, or directions that span no plane.
    """
    if len(numbers) < 11:
        raise ValueError(f"{len(numbers)} numbers instead of eye, direction, up and two angles")
    eye, forward, up = (np.array(numbers[i : i + 3], float) for i in (0, 3, 6))
    forward = _unit(forward)
    return Pose(eye, forward, _unit(up - (up @ forward) * forward), numbers[9], numbers[10])


def _unit(vector: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, " 3"]:
    length = np.linalg.norm(vector)
    if not length > 1e-9:
        raise ValueError(f"a direction of length {length}")
    return vector / length


def normals(points: Rays, valid: Bool[np.ndarray, "rows columns"], *, wraps: bool) -> Rays:
    """Cross product of the differences of neighbours; zero where one of the four is not valid.

    Args:
        points: of each pixel.
        valid: pixels that have a depth.
        wraps: whether the last column is beside the first, as in a panorama.
    """
    mode = "wrap" if wraps else "edge"
    wide = np.pad(np.pad(points, ((0, 0), (1, 1), (0, 0)), mode), ((1, 1), (0, 0), (0, 0)), "edge")
    whole = np.pad(np.pad(valid, ((0, 0), (1, 1)), mode), ((1, 1), (0, 0)), "edge")
    across = wide[1:-1, 2:] - wide[1:-1, :-2]
    down = wide[2:, 1:-1] - wide[:-2, 1:-1]
    normal = np.cross(down, across)
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    sound = whole[1:-1, 2:] & whole[1:-1, :-2] & whole[2:, 1:-1] & whole[:-2, 1:-1] & valid
    known = sound[..., None] & (length > 0)
    return np.divide(normal, length, out=np.zeros_like(normal), where=known)


def cosine(normal: Rays, ray: Rays) -> Float64[np.ndarray, "rows columns"]:
    """``|cos|`` of the angle between a pixel's normal and its ray: small where it is grazing."""
    along = np.einsum("rci,rci->rc", normal, ray)
    return np.abs(along) / np.linalg.norm(ray, axis=-1)


def has_depth(depth: UInt16[np.ndarray, "rows columns"]) -> Bool[np.ndarray, "rows columns"]:
    """Pixels with a reading: neither 0 nor 65535."""
    return (depth > 0) & (depth < np.iinfo(np.uint16).max)
