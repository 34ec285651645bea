"""`World`: a domain's part in the procedural world: its labels, its gap and its furniture."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from ppt_dist.section import BadInput, Section, nearest, read_toml
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.synth.furniture import FURNITURE

STRUCTURE = (
    "floor", "ceiling", "wall", "door", "window", "picture", "curtain", "board", "beam", "column"
)  # fmt: skip
"""Shapes that are part of the building or hang on a wall."""

Share = Annotated[float, Field(ge=0, le=1)]


class Gap(Section):
    """How the domain's sensor sees a room."""

    density: PositiveFloat
    """Points a square metre."""
    cameras: PositiveInt
    """Places from which the room is seen."""
    ceiling_share: Share
    """Share of the points above 2.15 m that are kept."""
    position_noise: NonNegativeFloat
    """Standard deviation, metres."""
    color_noise: NonNegativeFloat
    """Standard deviation on a scale of 1."""
    gamma: PositiveFloat
    """Exponent of the colour response."""
    tint: tuple[PositiveFloat, PositiveFloat, PositiveFloat]
    """Factors on red, green, blue."""
    grey: Share
    """How much of the colour is lost."""
    lift: Share
    """The darkest value."""


class World(Section):
    """``synth.toml`` of a domain."""

    labels: dict[str, str]
    """Shape to the raw label that the domain's files call it by."""
    gap: Gap
    furniture: dict[str, NonNegativeFloat]
    """Shape to its mean number in a room: 2.3 is two, and a third in three rooms of ten."""


def find_world(domain: str) -> World:
    """The world of a shipped domain; `BadInput` where it has none, or a shape is not known."""
    recipe, folder = find_recipe(domain)
    path = folder / "synth.toml"
    if not path.is_file():
        raise BadInput(f"domain {recipe.name!r} has no synth.toml: it cannot be made up")
    world = read_toml(World, path)
    known = [*STRUCTURE, *FURNITURE]
    for shape in (*world.labels, *world.furniture):
        if shape not in known:
            raise BadInput(f"{path}: no shape {shape!r}: {nearest(shape, known)}")
    missing = [shape for shape in known if shape not in world.labels]
    if missing:
        raise BadInput(f"{path}: labels lack {', '.join(missing)}")
    return world
