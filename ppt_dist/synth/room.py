"""A procedural room: the building, what hangs on its walls, and furniture that stands free."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ppt_dist.scene.augment.geometry import rotation
from ppt_dist.synth.furniture import FURNITURE, Furniture
from ppt_dist.synth.palette import color_of
from ppt_dist.synth.surface import Brush, Surface

TRIES = 40
"""Places that are tried for a piece before it is left out."""


class Room(NamedTuple):
    """Surfaces of a room whose corner is the origin."""

    width: float
    depth: float
    height: float
    surfaces: list[Surface]


class _Wall(NamedTuple):
    """A wall as its own frame: x along it, y into the room."""

    length: float
    angle: float
    corner: tuple[float, float]


class _Place(NamedTuple):
    """Where a piece stands: its box on the floor and how it is turned."""

    low: tuple[float, float]
    high: tuple[float, float]
    angle: float
    corner: tuple[float, float]


def make_room(counts: Mapping[str, float], rng: np.random.Generator) -> Room:
    """A room with about ``counts`` of each shape; every number is drawn from ``rng``."""
    size = _Builder(rng, rng.uniform(4.2, 5.6), rng.uniform(3.8, 5.0), rng.uniform(2.35, 2.75))
    size.structure(counts)
    for shape, piece in FURNITURE.items():
        for _ in range(_number(counts.get(shape, 0.0), rng)):
            size.put(shape, piece)
    return Room(size.width, size.depth, size.height, size.surfaces)


def _number(mean: float, rng: np.random.Generator) -> int:
    return int(mean) + int(rng.random() < mean - int(mean))


class _Builder:
    """Collects surfaces and keeps the floor's free places."""

    def __init__(self, rng: np.random.Generator, width: float, depth: float, height: float) -> None:
        self.rng, self.width, self.depth, self.height = rng, width, depth, height
        self.surfaces: list[Surface] = []
        self._taken: list[_Place] = []
        self._pieces = 0
        self._walls = [
            _Wall(width, 0.0, (0.0, 0.0)),
            _Wall(depth, np.pi / 2, (width, 0.0)),
            _Wall(width, np.pi, (width, depth)),
            _Wall(depth, -np.pi / 2, (0.0, depth)),
        ]

    def brush(self, shape: str) -> Brush:
        """For the next object."""
        self._pieces += 1
        return Brush(shape, self._pieces - 1, color_of(shape, self.rng), self.rng)

    def structure(self, counts: Mapping[str, float]) -> None:
        """Floor, ceiling, walls; then openings and what hangs, each in a free stretch of a wall."""
        x, y = np.array([self.width, 0, 0]), np.array([0, self.depth, 0])
        up = np.array([0, 0, self.height])
        self.surfaces.append(self.brush("floor").rectangle(np.zeros(3), x, y))
        self.surfaces.append(self.brush("ceiling").rectangle(up, y, x))
        wall = self.brush("wall")
        for side in self._walls:
            face = wall.rectangle(np.zeros(3), up, np.array([side.length, 0, 0]))
            self._add([face], side)
        free = [(side, s) for side in self._walls for s in np.arange(0.15, side.length - 1.0, 1.15)]
        self.rng.shuffle(free)
        for shape in ("door", "window", "curtain", "board", "picture"):
            for _ in range(_number(counts.get(shape, 0.0), self.rng)):
                if free:
                    side, start = free.pop()
                    self._hang(shape, side, start)
        for _ in range(_number(counts.get("column", 0.0), self.rng)):
            self._column()
        for _ in range(_number(counts.get("beam", 0.0), self.rng)):
            self._beam()

    def put(self, shape: str, piece: Furniture) -> None:
        """A piece where there is room for it; none where there is not."""
        size = [self.rng.uniform(*span) for span in (piece.width, piece.depth, piece.height)]
        for _ in range(TRIES):
            place = self._draw(size[0], size[1], at_wall=piece.at_wall)
            if self._is_free(place):
                self._taken.append(place)
                brush = self.brush(shape)
                self._turn(piece.build(brush, *size), place.angle, place.corner)
                return

    def _draw(self, w: float, d: float, *, at_wall: bool) -> _Place:
        side = self._walls[self.rng.integers(4)]
        if at_wall:
            along, away = self.rng.uniform(0.02, max(side.length - w, 0.03)), 0.03
            c, s = np.cos(side.angle), np.sin(side.angle)
            corner = (side.corner[0] + along * c - away * s, side.corner[1] + along * s + away * c)
            angle = side.angle
        else:
            corner = (
                self.rng.uniform(0.5, self.width - 0.5),
                self.rng.uniform(0.5, self.depth - 0.5),
            )
            angle = side.angle + self.rng.normal(0, 0.15)
        c, s = np.cos(angle), np.sin(angle)
        ends = [
            (corner[0] + a * c - b * s, corner[1] + a * s + b * c) for a in (0, w) for b in (0, d)
        ]
        xs, ys = zip(*ends, strict=True)
        return _Place((min(xs), min(ys)), (max(xs), max(ys)), angle, corner)

    def _is_free(self, place: _Place) -> bool:
        inside = min(place.low) > 0.01 and place.high[0] < self.width and place.high[1] < self.depth
        return bool(inside) and all(_apart(place, other) for other in self._taken)

    def _hang(self, shape: str, side: _Wall, start: float) -> None:
        low, high, depth = {
            "door": (0.0, 2.05, 0.04),
            "window": (self.rng.uniform(0.8, 1.0), self.rng.uniform(1.7, 2.0), 0.02),
            "curtain": (self.rng.uniform(0.1, 0.7), 2.15, 0.10),
            "board": (0.9, self.rng.uniform(1.8, 2.05), 0.05),
            "picture": (self.rng.uniform(1.1, 1.4), self.rng.uniform(1.6, 1.9), 0.03),
        }[shape]
        width = {"door": 0.9, "curtain": 0.8, "picture": 0.6, "window": 0.95, "board": 0.95}[shape]
        brush = self.brush(shape)
        parts = list(brush.box((start, 0.005, max(low, 0.0)), (start + width, depth, high)))
        if shape == "door":
            parts += brush.box((start + 0.75, depth, 0.95), (start + 0.85, depth + 0.06, 1.05))
        if shape == "curtain":
            for x in np.arange(start + 0.1, start + width, 0.2):
                parts += brush.box((x, depth, low), (x + 0.07, depth + 0.06, high))
        if shape == "window":
            frame = brush.tinted(color_of("ceiling", self.rng))
            parts += frame.box((start, depth, low - 0.05), (start + width, depth + 0.10, low))
        self._add(parts, side)

    def _column(self) -> None:
        side = self._walls[self.rng.integers(4)]
        start = self.rng.uniform(0.3, side.length - 0.8)
        size = self.rng.uniform(0.3, 0.45)
        parts = self.brush("column").box((start, 0, 0), (start + size, size, self.height))
        self._add(list(parts), side)
        c, s = np.cos(side.angle), np.sin(side.angle)
        ends = [
            (side.corner[0] + a * c - b * s, side.corner[1] + a * s + b * c)
            for a in (start, start + size)
            for b in (0.0, size)
        ]
        xs, ys = zip(*ends, strict=True)
        self._taken.append(_Place((min(xs), min(ys)), (max(xs), max(ys)), 0.0, (0.0, 0.0)))

    def _beam(self) -> None:
        low = self.height - self.rng.uniform(0.25, 0.4)
        at = self.rng.uniform(0.8, self.depth - 1.2)
        width = self.rng.uniform(0.25, 0.4)
        brush = self.brush("beam")
        self.surfaces += brush.box((0, at, low), (self.width, at + width, self.height - 0.005))

    def _add(self, parts: list[Surface], side: _Wall) -> None:
        self._turn(iter(parts), side.angle, side.corner)

    def _turn(self, parts: Iterator[Surface], angle: float, corner: tuple[float, float]) -> None:
        turn, shift = rotation("z", angle), np.array([*corner, 0.0])
        self.surfaces += [part.moved(turn, shift) for part in parts]


def _apart(a: _Place, b: _Place, gap: float = 0.08) -> bool:
    """Whether ``gap`` metres lie between two places along an axis of the room."""
    return any(
        bool(a.high[i] + gap < b.low[i] or b.high[i] + gap < a.low[i]) for i in range(len(a.low))
    )
