"""`Recipe`: what is true of a domain's raw data, and how to pack it; found by name or path."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from ppt_dist.scene.labels import LabelSet
from ppt_dist.section import BadInput, Section, nearest, read_toml

_PACKAGE = Path(__file__).resolve().parent.parent
SHIPPED = next(
    folder for folder in (_PACKAGE / "shards", _PACKAGE.parent / "shards") if folder.is_dir()
)
"""Folder of the recipes that come with the package: inside a wheel, or beside a checkout."""
TRAINING = "train"
"""Split that is trained on: no score is about its points in their own order."""


class ClassEntry(Section):
    """One class of the domain, in label order."""

    name: str
    raw: tuple[int, ...] | tuple[str, ...]
    """What the raw files call it: ids, or names, in the reader's terms."""
    word: str | None = None
    """What the text encoder is asked for, where that is not the name."""
    stuff: bool = False
    """Part of the building, such as a floor, and not a thing that one counts."""


class Recipe(Section):
    """``recipe.toml`` of a domain. Facts of the data stand here and nowhere else."""

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    """Name of the domain."""
    title: str
    reader: str
    """Module in ``ppt_dist/shard/readers/``."""
    source: str
    licence: str
    grid: PositiveFloat
    """Edge of a voxel in training, metres."""
    cost_grid: PositiveFloat
    """Edge of the voxels whose number is a scene's cost, metres. It is frozen with the shards."""
    channels: tuple[Literal["color", "normal", "strength"], ...]
    """What a scene of this domain can hold."""
    scenes_per_shard: PositiveInt = 64
    classes: tuple[ClassEntry, ...]
    splits: dict[str, str]
    """Split to its list of scene ids, a file beside the recipe, one id a line."""
    options: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it
    """What only the reader understands; it refuses keys that it does not know."""

    @property
    def labels(self) -> LabelSet:
        """The ordered class names with their words."""
        return LabelSet(
            names=tuple(c.name for c in self.classes),
            words=tuple(c.word or c.name for c in self.classes),
        )


def find_recipe(name_or_path: str) -> tuple[Recipe, Path]:
    """A recipe with the folder that it lies in.

    Args:
        name_or_path: the name of a shipped domain, a folder with a ``recipe.toml``, or such a file.

    Raises:
        BadInput: there is none, or it does not parse.
    """
    path = Path(name_or_path)
    candidates = (path, path / "recipe.toml", SHIPPED / name_or_path / "recipe.toml")
    for candidate in candidates:
        if candidate.is_file():
            return read_toml(Recipe, candidate), candidate.parent.resolve()
    shipped = [p.parent.name for p in SHIPPED.glob("*/recipe.toml")]
    raise BadInput(f"no recipe {name_or_path!r}: {nearest(name_or_path, shipped)}, or give a path")
