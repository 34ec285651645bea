"""Furniture: each shape a function that builds an object at the origin, its back along y = 0."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ppt_dist.synth.palette import color_of
from ppt_dist.synth.surface import Brush, Surface

Build = Callable[[Brush, float, float, float], Iterator[Surface]]
"""From brush, width, depth and height."""


class Furniture(NamedTuple):
    """How large a shape is, and how it is built."""

    build: Build
    width: tuple[float, float]
    """Least and most, metres; likewise below."""
    depth: tuple[float, float]
    height: tuple[float, float]
    at_wall: bool = True
    """Stands with its back against a wall."""


def _legs(brush: Brush, w: float, d: float, top: float, inset: float = 0.04) -> Iterator[Surface]:
    for x in (inset, w - inset - 0.05):
        for y in (inset, d - inset - 0.05):
            yield from brush.box((x, y, 0), (x + 0.05, y + 0.05, top))


def _table(brush: Brush, w: float, d: float, h: float) -> Iterator[Surface]:
    yield from brush.box((0, 0, h - 0.05), (w, d, h))
    if brush.rng.random() < 0.3:
        yield from brush.tube(w / 2, d / 2, 0, h - 0.05, 0.08)
    else:
        yield from _legs(brush, w, d, h - 0.05)


def _desk(brush: Brush, w: float, d: float, h: float) -> Iterator[Surface]:
    yield from brush.box((0, 0, h - 0.04), (w, d, h))
    yield from brush.box((0.02, 0.02, 0), (0.42, d - 0.05, h - 0.04))
    yield from brush.box((w - 0.06, 0.02, 0), (w - 0.02, d - 0.05, h - 0.04))
    yield from brush.box((0.42, 0.0, h - 0.4), (w - 0.06, 0.03, h - 0.04))
    screen = brush.tinted(np.full(3, 0.1 + 0.1 * brush.rng.random()))
    x = w * brush.rng.uniform(0.5, 0.6)
    yield from screen.box((x, 0.12, h + 0.05), (x + 0.45, 0.16, h + 0.38))


def _chair(brush: Brush, w: float, d: float, h: float) -> Iterator[Surface]:
    seat = 0.45
    yield from brush.box((0, 0, seat - 0.05), (w, d, seat))
    yield from brush.box((0, 0, seat), (w, 0.05, h))
    if brush.rng.random() < 0.4:
        yield from brush.tube(w / 2, d / 2, 0.08, seat - 0.05, 0.04)
        yield from brush.box((0.05, d / 2 - 0.04, 0.03), (w - 0.05, d / 2 + 0.04, 0.08))
    else:
        yield from _legs(brush, w, d, seat - 0.05, 0.01)


def _sofa(brush: Brush, w: float, d: float, h: float) -> Iterator[Surface]:
    seat = brush.rng.uniform(0.38, 0.45)
    yield from brush.box((0, 0, 0.05), (w, d, seat))
    yield from brush.box((0, 0, seat), (w, 0.22, h))
    for x in (0.0, w - 0.18):
        yield from brush.box((x, 0.22, seat), (x + 0.18, d, seat + 0.2))


def _bed(brush: Brush, w: float, d: float, h: float) -> Iterator[Surface]:
    yield from brush.box((0, 0.06, 0.1), (w, d, h))
    board = brush.tinted(color_of("table", brush.rng))
    yield from board.box((0, 0, 0), (w, 0.06, h + brush.rng.uniform(0.3, 0.5)))
    for x in (0.08, w / 2 + 0.05):
        yield from brush.box((x, 0.1, h), (x + w / 2 - 0.15, 0.5, h + 0.12))


def _cabinet(brush: Brush, w: float, d: float, h: float) -> Iterator[Surface]:
    yield from brush.box((0, 0, 0), (w, d, h))
    yield from brush.box((w / 2 - 0.05, d, h * 0.45), (w / 2 - 0.02, d + 0.03, h * 0.6))
    yield from brush.box((w / 2 + 0.02, d, h * 0.45), (w / 2 + 0.05, d + 0.03, h * 0.6))


def _bookshelf(brush: Brush, w: float, d: float, h: float) -> Iterator[Surface]:
    for x in (0.0, w - 0.03):
        yield from brush.box((x, 0, 0), (x + 0.03, d, h))
    yield from brush.box((0, 0, 0), (w, 0.02, h))
    levels = np.linspace(0.05, h - 0.03, max(3, round(h / 0.38) + 1))
    for z in levels:
        yield from brush.box((0.03, 0, z), (w - 0.03, d, z + 0.03))
    for z in levels[:-1]:
        end = 0.05 + (w - 0.1) * brush.rng.uniform(0.3, 1.0)
        books = brush.tinted(color_of("picture", brush.rng))
        yield from books.box(
            (0.05, 0.03, z + 0.03), (end, d - 0.06, z + 0.03 + brush.rng.uniform(0.16, 0.28))
        )


def _drawers(brush: Brush, w: float, d: float, h: float) -> Iterator[Surface]:
    yield from brush.box((0, 0, 0.1), (w, d, h))
    yield from _legs(brush, w, d, 0.1)


def _lamp(brush: Brush, w: float, d: float, h: float) -> Iterator[Surface]:
    yield from brush.tube(w / 2, d / 2, 0, 0.04, 0.14)
    yield from brush.tube(w / 2, d / 2, 0.04, h - 0.3, 0.02)
    yield from brush.tube(w / 2, d / 2, h - 0.3, h, 0.17)


def _bin(brush: Brush, w: float, d: float, h: float) -> Iterator[Surface]:
    if brush.rng.random() < 0.5:
        yield from brush.tube(w / 2, d / 2, 0, h, w / 2)
    else:
        yield from brush.box((0, 0, 0), (w, d, h))


def _closed(brush: Brush, w: float, d: float, h: float) -> Iterator[Surface]:
    yield from brush.box((0, 0, 0), (w, d, h))


FURNITURE = {
    "bed": Furniture(_bed, (1.2, 1.7), (1.9, 2.1), (0.42, 0.55)),
    "sofa": Furniture(_sofa, (1.5, 2.1), (0.8, 0.95), (0.75, 0.9)),
    "bookshelf": Furniture(_bookshelf, (0.8, 1.2), (0.28, 0.36), (1.3, 2.0)),
    "cabinet": Furniture(_cabinet, (0.8, 1.3), (0.42, 0.55), (0.8, 1.8)),
    "refrigerator": Furniture(_closed, (0.6, 0.75), (0.6, 0.7), (1.5, 1.85)),
    "desk": Furniture(_desk, (1.2, 1.5), (0.6, 0.75), (0.7, 0.78)),
    "table": Furniture(_table, (0.9, 1.5), (0.7, 0.95), (0.6, 0.78), at_wall=False),
    "nightstand": Furniture(_drawers, (0.4, 0.55), (0.38, 0.45), (0.45, 0.65)),
    "lamp": Furniture(_lamp, (0.34, 0.34), (0.34, 0.34), (1.4, 1.7)),
    "chair": Furniture(_chair, (0.42, 0.5), (0.42, 0.5), (0.8, 1.0), at_wall=False),
    "bin": Furniture(_bin, (0.26, 0.36), (0.26, 0.36), (0.3, 0.55), at_wall=False),
    "box": Furniture(_closed, (0.25, 0.5), (0.25, 0.45), (0.2, 0.45), at_wall=False),
}
"""In the order in which they are placed: the large ones first."""
