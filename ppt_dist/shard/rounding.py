"""`Rounding`: how far scenes that were stored compactly are from those that were read."""

import functools
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float32, Float64
from pydantic import NonNegativeFloat, NonNegativeInt

from ppt_dist.scene.scene import Scene
from ppt_dist.section import Section
from ppt_dist.shard.lattice import largest_error


class Rounding(Section):
    """Errors over scenes, as measured when they were packed. Segments and instances have none."""

    points: NonNegativeInt = 0
    coord_bound: NonNegativeFloat = 0.0
    """Metres on one axis that the codec can be off in these scenes."""
    coord_largest: NonNegativeFloat = 0.0
    """Metres on one axis."""
    coord_mean: NonNegativeFloat = 0.0
    """Metres on one axis."""
    color_largest: NonNegativeInt = 0
    normals: NonNegativeInt = 0
    """Points whose normal is not zero."""
    normal_largest: NonNegativeFloat = 0.0
    """Degrees."""
    normal_mean: NonNegativeFloat = 0.0
    """Degrees."""
    strength_largest: NonNegativeFloat = 0.0

    def plus(self, other: "Rounding") -> "Rounding":
        """Of both."""
        return Rounding(
            points=self.points + other.points,
            coord_bound=max(self.coord_bound, other.coord_bound),
            coord_largest=max(self.coord_largest, other.coord_largest),
            coord_mean=_mean((self.coord_mean, self.points), (other.coord_mean, other.points)),
            color_largest=max(self.color_largest, other.color_largest),
            normals=self.normals + other.normals,
            normal_largest=max(self.normal_largest, other.normal_largest),
            normal_mean=_mean((self.normal_mean, self.normals), (other.normal_mean, other.normals)),
            strength_largest=max(self.strength_largest, other.strength_largest),
        )

    def shortened(self) -> "Rounding":
        """Rounded up, to digits that no difference between processors reaches."""
        return self.model_copy(
            update={
                "coord_bound": _up(self.coord_bound),
                "coord_largest": _up(self.coord_largest),
                "coord_mean": _up(self.coord_mean),
                "normal_largest": _up(self.normal_largest),
                "normal_mean": _up(self.normal_mean),
                "strength_largest": _up(self.strength_largest),
            }
        )


def sum_of(parts: Iterable[Rounding]) -> Rounding:
    """Of all scenes of the parts."""
    return functools.reduce(Rounding.plus, parts, Rounding())


def rounding_of(scene: Scene, stored: Scene, step: float) -> Rounding:
    """What storing did to a scene; points are in the same order in both."""
    apart = np.abs(stored.coord.astype(np.float64) - scene.coord)
    found = Rounding(
        points=len(scene),
        coord_bound=largest_error(stored.coord, step),
        coord_largest=float(apart.max(initial=0.0)),
        coord_mean=float(apart.mean()) if len(scene) else 0.0,
    )
    if scene.color is not None and stored.color is not None:
        differs = np.abs(stored.color.astype(np.int16) - scene.color)
        found = found.model_copy(update={"color_largest": int(differs.max(initial=0))})
    if scene.normal is not None and stored.normal is not None:
        angle = angles(scene.normal, stored.normal)
        largest, mean = angle.max(initial=0.0), angle.mean() if len(angle) else 0.0
        update = {"normal_largest": float(largest), "normal_mean": float(mean)}
        found = found.model_copy(update={"normals": len(angle), **update})
    if scene.strength is not None and stored.strength is not None:
        differs = np.abs(stored.strength - scene.strength)
        found = found.model_copy(update={"strength_largest": float(differs.max(initial=0.0))})
    return found


def angles(
    a: Float32[np.ndarray, "points 3"], b: Float32[np.ndarray, "points 3"]
) -> Float64[np.ndarray, " defined"]:
    """Degrees between normals where either is not zero; 180 where only one is."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    there = a.any(1) | b.any(1)
    a, b = a[there], b[there]
    across, along = np.linalg.norm(np.cross(a, b), axis=1), (a * b).sum(1)
    both = a.any(1) & b.any(1)
    return np.where(both, np.degrees(np.arctan2(across, along)), 180.0)


def _up(error: float) -> float:
    return float(f"{error * 1.001:.4g}")


def _mean(*parts: tuple[float, int]) -> float:
    weight = sum(count for _, count in parts)
    return sum(mean * count for mean, count in parts) / weight if weight else 0.0
