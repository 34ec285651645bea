"""Surfaces that rooms are made of: rectangles and tubes, in metres, each part of an object."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

Vector = Float64[np.ndarray, " 3"]
Corner = tuple[float, float, float]
"""A corner of a box, metres."""


@dataclass(frozen=True)
class Surface:
    """A rectangle, or the side of an upright tube where ``radius`` is positive."""

    shape: str
    """Name of what it is part of, such as ``chair``; ``synth.toml`` maps it to a label."""
    piece: int
    """Number of the object in its room."""
    color: Vector
    """Red, green, blue in [0, 1] before the sensor."""
    origin: Vector
    """A rectangle's corner; the centre of a tube's lower end."""
    along: Vector
    """First edge of a rectangle; (radius, 0, 0) of a tube."""
    across: Vector
    """Second edge; (0, 0, height) of a tube."""
    radius: float = 0.0
    """Metres; 0 for a rectangle."""

    def lattice(self, spacing: float) -> Float64[np.ndarray, "rows columns 3"]:
        """Points at most ``spacing`` metres apart; neighbours in it are so on the surface."""
        length = 2 * np.pi * self.radius if self.radius else np.linalg.norm(self.along)
        rows = max(2, int(np.ceil(length / spacing)) + 1)
        columns = max(2, int(np.ceil(np.linalg.norm(self.across) / spacing)) + 1)
        a, b = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
        if not self.radius:
            return self.origin + a[..., None] * self.along + b[..., None] * self.across
        angle = 2 * np.pi * a
        ring = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=-1)
        return self.origin + self.radius * ring + b[..., None] * self.across

    def moved(self, turn: Float64[np.ndarray, "3 3"], shift: Vector) -> "Surface":
        """Turned about the origin, then shifted."""
        return Surface(
            self.shape,
            self.piece,
            self.color,
            turn @ self.origin + shift,
            turn @ self.along,
            turn @ self.across,
            self.radius,
        )


@dataclass(frozen=True)
class Brush:
    """Makes the surfaces of one object."""

    shape: str
    piece: int
    color: Vector
    rng: np.random.Generator
    """For what varies within a shape."""

    def tinted(self, color: Vector) -> "Brush":
        """The same object in another colour."""
        return replace(self, color=color)

    def rectangle(self, origin: Vector, along: Vector, across: Vector) -> Surface:
        """One that faces along the cross product of its edges."""
        return Surface(self.shape, self.piece, self.color, origin, along, across)

    def box(self, low: Corner, high: Corner) -> Iterator[Surface]:
        """The outward faces of a box, without the one that stands on the floor."""
        a, d = np.array(low, float), np.array(high, float) - np.array(low, float)
        x, y, z = np.diag(d)
        yield self.rectangle(a + z, x, y)
        if low[2] > 0.01:
            yield self.rectangle(a, y, x)
        yield self.rectangle(a, x, z)
        yield self.rectangle(a + y, z, x)
        yield self.rectangle(a, z, y)
        yield self.rectangle(a + x, y, z)

    def tube(self, x: float, y: float, low: float, high: float, radius: float) -> Iterator[Surface]:
        """An upright cylinder with its lid."""
        side = np.array([radius, 0.0, 0.0])
        up = np.array([0.0, 0.0, high - low])
        yield Surface(self.shape, self.piece, self.color, np.array([x, y, low]), side, up, radius)
        reach = radius * 0.7
        corner = np.array([x - reach, y - reach, high])
        yield self.rectangle(corner, np.array([2 * reach, 0, 0.0]), np.array([0, 2 * reach, 0.0]))
