"""Casting rays at a room: how far, and at which surface."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from ppt_dist.synth.surface import Surface, Vector

Rays = Float64[np.ndarray, "rows columns 3"]
Distances = Float64[np.ndarray, "rows columns"]
NOTHING = -1
"""In place of a surface's index for a ray that meets none."""


class Hits(NamedTuple):
    """What each ray meets first."""

    distance: Distances
    """In lengths of the ray; infinite where it meets nothing."""
    surface: Int64[np.ndarray, "rows columns"]


def cast(eye: Vector, rays: Rays, surfaces: Sequence[Surface]) -> Hits:
    """The nearest surface in front of ``eye`` along each ray, seen from either side."""
    nearest = np.full(rays.shape[:2], np.inf)
    index = np.full(rays.shape[:2], NOTHING)
    for i, surface in enumerate(surfaces):
        distance = _tube(eye, rays, surface) if surface.radius else _rectangle(eye, rays, surface)
        closer = distance < nearest
        nearest[closer], index[closer] = distance[closer], i
    return Hits(nearest, index)


def normal_at(
    surface: Surface, points: Float64[np.ndarray, "some 3"]
) -> Float64[np.ndarray, "some 3"]:
    """Unit normals at points of the surface, to whichever side."""
    if surface.radius:
        outward = (points - surface.origin) * np.array([1.0, 1.0, 0.0])
    else:
        outward = np.broadcast_to(np.cross(surface.along, surface.across), points.shape)
    return outward / np.linalg.norm(outward, axis=-1, keepdims=True)


def _rectangle(eye: Vector, rays: Rays, surface: Surface) -> Distances:
    normal = np.cross(surface.along, surface.across)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = ((surface.origin - eye) @ normal) / (rays @ normal)
        offset = eye + distance[..., None] * rays - surface.origin
        a = offset @ surface.along / (surface.along @ surface.along)
        b = offset @ surface.across / (surface.across @ surface.across)
    return _where((a >= 0) & (a <= 1) & (b >= 0) & (b <= 1), distance)


def _tube(eye: Vector, rays: Rays, surface: Surface) -> Distances:
    """The nearer meeting with the side of an upright tube that lies within its height."""
    out = (eye - surface.origin)[:2]
    flat = rays[..., :2]
    a = np.einsum("rci,rci->rc", flat, flat)
    b = flat @ out
    best = np.full(rays.shape[:2], np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(b * b - a * (out @ out - surface.radius**2))
        for distance in ((-b - root) / a, (-b + root) / a):
            height = eye[2] + distance * rays[..., 2] - surface.origin[2]
            best = np.minimum(best, _where((height >= 0) & (height <= surface.across[2]), distance))
    return best


def _where(inside: Bool[np.ndarray, "rows columns"], distance: Distances) -> Distances:
    return np.where(inside & (distance > 1e-9), distance, np.inf)
