"""`Manifest`: what packing made of a domain: its facts, shards, counts and checksums."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field as Bounds
from pydantic import model_validator

from ppt_dist.journal.retry import Retries, Tell, silent
from ppt_dist.scene.labels import LabelSet
from ppt_dist.section import BadInput, Section, parse
from ppt_dist.shard.place import Place
from ppt_dist.shard.rounding import Rounding
from ppt_dist.shard.store import PATIENT, open_store

MANIFEST = "manifest.json"
Edge = Annotated[float, Bounds(ge=1e-6, le=1e3)]
Count = Annotated[int, Bounds(ge=0, lt=2**63)]
Order = Literal["source", "morton"]
"""Of the points of a scene: as the raw file has them, or neighbours near each other."""


class Field(Section):
    """How one array of a record is stored: member ``<key>.<field>.<suffix>``."""

    codec: Literal["plain", "differences", "octahedral", "lattice"]
    """What the array went through; ``form.py`` knows."""
    version: Literal[1] = 1
    dtype: Annotated[str, Bounds(pattern=r"^(<[fiu][248]|\|[iu]1)$")]
    """Numpy's name, little-endian, such as ``<f4``."""
    width: Annotated[int, Bounds(ge=1, le=64)]
    """Columns; 1 for a vector."""
    suffix: Literal["npy", "npy.zst"]


class Shard(Section):
    """One tar and its index, side by side."""

    name: Annotated[str, Bounds(pattern=r"^[^/\x00]{1,60}\.tar$")]
    """File name of the tar; its index has the suffix ``.idx`` instead of ``.tar``."""
    size: Count
    """Bytes of the tar."""
    sha256: str
    index_sha256: str
    scenes: Count
    points: Count


class Compact(Section):
    """How a split is stored that is not plain."""

    fields: dict[str, Field]
    """In place of the manifest's."""
    order: Order
    rounding: Rounding


class Split(Section):
    """Scenes of one split, in the order of the shards."""

    shards: tuple[Shard, ...]
    scenes: Count
    points: Count
    points_by_class: tuple[Count, ...]
    """Points of each class, in label order."""
    unlabelled: Count
    """Points without a class."""
    absent: tuple[str, ...] = ()
    """Scenes of the split list that were not in the raw folder."""
    broken: tuple[str, ...] = ()
    """Scenes left out because they could not be read."""
    compact: Compact | None = None
    """Absent where the split is plain."""
    excluded: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - pydantic copies it
    """Tar to keys in it that are not scenes of the split any more, and not counted: ``validate``
    found them at fault. Absent where there are none."""


_LATER = ("compact", "excluded")
"""Keys of a split that a manifest without them does not have, so that it keeps its digest."""


class Manifest(Section):
    """``manifest.json``: one for a domain, its splits inside."""

    format: Literal[1] = 1
    domain: str
    title: str
    licence: str
    recipe_sha256: str
    grid: Edge
    """Edge of a voxel in training, metres."""
    cost_grid: Edge
    """Edge of the voxels whose number is a scene's cost, metres."""
    channels: tuple[str, ...]
    labels: LabelSet
    fields: dict[str, Field]
    """Of every split that is not compact."""
    splits: dict[str, Split]

    @model_validator(mode="after")
    def _counts_every_class(self) -> "Manifest":
        for name, split in self.splits.items():
            if len(split.points_by_class) != len(self.labels):
                raise ValueError(
                    f"split {name} counts points of {len(split.points_by_class)} classes; "
                    f"there are {len(self.labels)}"
                )
        return self

    def digest(self) -> str:
        """sha256 of the canonical JSON: it names this packing of the domain."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Canonical text: the same manifest gives the same bytes."""
        table = self.model_dump(mode="json")
        for split in table["splits"].values():
            for key in _LATER:
                if not split[key]:
                    del split[key]
        return json.dumps(table, sort_keys=True, indent=1) + "\n"

    def fields_in(self, split: str) -> dict[str, Field]:
        """How the arrays of a split's records are stored."""
        compact = self.splits[split].compact
        return self.fields if compact is None else compact.fields


def read_manifest(place: Place, retries: Retries = PATIENT, tell: Tell = silent) -> Manifest:
    """The manifest of a packed domain.

    Raises:
        BadInput: it is absent or wrong.
        Unreachable: the place could not be read in all repetitions.
    """
    try:
        content = open_store(place, retries, tell).read(MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput(f"{place} holds no {MANIFEST}; {_advice(place)}") from None
    where = f"{place / MANIFEST}"
    try:
        table = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: not JSON: {error}") from None
    return parse(Manifest, table, where)


def _advice(place: Place) -> str:
    """How to come by a manifest."""
    if isinstance(place, Path):
        return f"pack it: ppt-dist pack {place.name} --raw RAW --out {place.parent}"
    return f"pack {place.name} into a folder and copy that there"
