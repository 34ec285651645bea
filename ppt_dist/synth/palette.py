"""Colours of shapes: materials that many shapes share, so that colour alone decides little."""

import numpy as np
from jaxtyping import Float64

_MATERIALS = {
    "wood": ((0.55, 0.38, 0.24), 0.10),
    "white": ((0.86, 0.85, 0.82), 0.05),
    "grey": ((0.50, 0.50, 0.52), 0.10),
    "dark": ((0.16, 0.15, 0.16), 0.06),
    "fabric": ((0.45, 0.40, 0.42), 0.20),
    "glass": ((0.62, 0.74, 0.84), 0.07),
    "any": ((0.50, 0.50, 0.50), 0.28),
}
"""Mean colour, and how far it strays."""

_OF_SHAPE = {
    "floor": {"wood": 5, "grey": 4, "fabric": 2},
    "ceiling": {"white": 1},
    "wall": {"white": 6, "grey": 2, "fabric": 1},
    "beam": {"white": 3, "grey": 2},
    "column": {"white": 3, "grey": 2},
    "door": {"wood": 5, "white": 4, "grey": 1},
    "window": {"glass": 4, "white": 1},
    "picture": {"any": 1},
    "curtain": {"fabric": 3, "white": 1, "any": 1},
    "board": {"white": 4, "dark": 1},
    "bed": {"fabric": 3, "white": 2, "any": 1},
    "sofa": {"fabric": 3, "grey": 2, "dark": 1},
    "table": {"wood": 5, "white": 2, "dark": 1},
    "desk": {"wood": 5, "white": 2, "grey": 1},
    "cabinet": {"wood": 5, "white": 3, "grey": 1},
    "bookshelf": {"wood": 5, "white": 2, "dark": 1},
    "nightstand": {"wood": 4, "white": 1},
    "chair": {"wood": 2, "dark": 2, "fabric": 3},
    "lamp": {"white": 2, "dark": 1},
    "bin": {"dark": 2, "grey": 2, "white": 1},
    "refrigerator": {"white": 3, "grey": 2},
    "box": {"wood": 2, "any": 1},
}
"""How often a shape is of a material."""


def color_of(shape: str, rng: np.random.Generator) -> Float64[np.ndarray, " 3"]:
    """A colour for an object of this shape, in [0, 1]."""
    materials = _OF_SHAPE[shape]
    shares = np.array([*materials.values()], float)
    mean, spread = _MATERIALS[rng.choice([*materials], p=shares / shares.sum())]
    brightness = rng.normal(0, spread)
    return np.clip(np.array(mean) + brightness + rng.normal(0, spread / 2, 3), 0.02, 0.98)
