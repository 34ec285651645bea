"""Raw formats, one module each, found by its name.

A reader is two functions:

    find(root: Path, listed: str) -> dict[str, Path]       the scenes of a line of the split list
    read(scene_id: str, place: Path, raw: Raw) -> Reading  `BadInput` where it cannot be read
"""

import importlib
import pkgutil
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from ppt_dist.section import BadInput
from ppt_dist.shard.readers.reading import Raw, Reading


@runtime_checkable
class Reader(Protocol):
    """What a module in this folder offers."""

    def find(self, root: Path, listed: str) -> dict[str, Path]:
        """Scenes that the id ``listed`` stands for, and where each lies; none where it is absent.

        Where the list names apartments, as Structured3D's does, their rooms are the scenes.
        """
        ...

    def read(self, scene_id: str, place: Path, raw: Raw) -> Reading:
        """The scene, with its points in the order of the raw file."""
        ...


_PARTS = {"arrays", "reading", "ply", "normals", "label_table", "views"}
"""Modules here that readers are made of."""


def find_reader(name: str) -> Reader:
    """The reader module called ``name``; `BadInput` names those that exist."""
    known = {m.name for m in pkgutil.iter_modules(__path__)} - _PARTS
    if name not in known:
        raise BadInput(
            f"reader {name!r} does not exist: ppt_dist/shard/readers/ has "
            f"{', '.join(sorted(known))}. A recipe may be written before its reader, but nothing "
            "can be packed by it until then"
        )
    return cast("Reader", importlib.import_module(f"{__name__}.{name}"))
