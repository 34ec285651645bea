"""Laws that a whole record obeys; ``validate --full`` asks for each."""

import tarfile
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.scene import UNLABELLED, Scene
from ppt_dist.scene.voxel import occupied_voxels
from ppt_dist.section import BadInput
from ppt_dist.shard.codec import META, step_of
from ppt_dist.shard.form import UNIT
from ppt_dist.shard.index import IndexEntry
from ppt_dist.shard.lattice import COARSE, FINE, largest_error
from ppt_dist.shard.manifest import Manifest
from ppt_dist.shard.member import BLOCK

FARTHEST = 10_000.0
"""Metres from the origin; float32 keeps a millimetre there."""
MANY = 0.5
"""Share of a scene's points that may have no normal, or lie where another does."""


def check_labels(scene: Scene, labels: LabelSet) -> None:
    """`BadInput` where a segment is not in the table."""
    low, high = int(scene.segment.min()), int(scene.segment.max())
    if labels.outside(low, high):
        raise BadInput(
            f"{scene.name}: segments from {low} to {high}, but the recipe has {len(labels)} classes"
        )


class Looked(NamedTuple):
    """A record that could be decoded."""

    entry: IndexEntry
    content: memoryview
    """Its span."""
    members: Mapping[str, memoryview]
    scene: Scene
    manifest: Manifest
    split: str


Law = Callable[[Looked], Iterator[str]]
"""Gives a sentence for each thing that is not as it must be."""


def headers(looked: Looked) -> Iterator[str]:
    """Plain USTAR with mode 0644, no owner and no time; members by name, padded with zeros."""
    place = 0
    for suffix, member in looked.members.items():
        name = f"{looked.entry.key}.{suffix}"
        if looked.content[place : place + BLOCK] != _header(name, len(member)):
            yield f"the header of {name} is not USTAR with mode 0644, no owner and time 0"
        end = place + BLOCK + len(member)
        place = end + -len(member) % BLOCK
        if any(looked.content[end:place]):
            yield f"{name} is not padded with zeros"
    if any(a >= b for a, b in pairwise(looked.members)):
        yield "its members are not sorted by name"


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.USTAR_FORMAT)


def schema(looked: Looked) -> Iterator[str]:
    """No member that the manifest does not tell of."""
    fields = looked.manifest.fields_in(looked.split)
    known = {META, *(f"{name}.{field.suffix}" for name, field in fields.items())}
    for suffix in sorted(looked.members.keys() - known):
        yield f"member {suffix} is no field of the manifest"


def instances(looked: Looked) -> Iterator[str]:
    """Objects from 0, -1 for none."""
    lowest = int(looked.scene.instance.min())
    if lowest < UNLABELLED:
        yield f"an instance is {lowest}: objects count from 0, and -1 is none"


def strengths(looked: Looked) -> Iterator[str]:
    """From 0 to 1."""
    strength = looked.scene.strength
    if strength is not None and not 0 <= strength.min() <= strength.max() <= 1:
        yield f"strength from {strength.min():g} to {strength.max():g}, not 0 to 1"


def normals(looked: Looked) -> Iterator[str]:
    """Of unit length, or zero for a few points."""
    if looked.scene.normal is None:
        return
    length = np.linalg.norm(looked.scene.normal.astype(np.float64), axis=1)
    odd = np.flatnonzero((np.abs(length - 1) > UNIT) & (length > 0))
    if len(odd):
        yield f"{len(odd)} normals are not of unit length: point {odd[0]} has {length[odd[0]]:g}"
    absent = int((length == 0).sum())
    if absent > MANY * len(length):
        yield f"{absent} of {len(length)} points have no normal"


def extent(looked: Looked) -> Iterator[str]:
    """Near the origin, larger than a voxel, and points in different places."""
    coord = looked.scene.coord
    farthest = float(np.abs(coord).max())
    if farthest > FARTHEST:
        yield f"a point lies {farthest:,.0f} m from the origin; at most {FARTHEST:,.0f} m are sound"
    widest = float((coord.max(0).astype(np.float64) - coord.min(0)).max())
    if widest < looked.manifest.grid:
        yield f"all points lie within {widest:g} m, which is less than a voxel"
    again = len(coord) - len(np.unique(_places(coord)))
    if again > MANY * len(coord):
        yield f"{again} of {len(coord)} points lie where another does"


def _places(coord: np.ndarray) -> np.ndarray:
    """Each point's twelve bytes as one value; 0.0 and -0.0 are one place."""
    return np.ascontiguousarray(coord + 0.0).view("V12")[:, 0]


def cost(looked: Looked) -> Iterator[str]:
    """The index's is that of the points."""
    try:
        found = occupied_voxels(looked.scene.coord, looked.manifest.cost_grid)
    except BadInput as error:
        yield f"its cost cannot be counted: {error}"
        return
    if found != looked.entry.cost:
        yield f"its cost is {found} voxels, but the index says {looked.entry.cost}"


def bounds(looked: Looked) -> Iterator[str]:
    """A compact record's steps are those of the domain, and its errors within the split's."""
    compact, step = looked.manifest.splits[looked.split].compact, step_of(looked.members)
    if compact is None or step is None:
        return
    grid, bound = looked.manifest.grid, compact.rounding.coord_bound
    if step not in {grid / FINE, grid / COARSE}:
        yield f"its steps of {step:g} m are not voxels of {grid:g} m by {FINE} or {COARSE}"
    error = largest_error(looked.scene.coord, step)
    if error > bound:
        yield f"coord can be off by {error:g} m, but the manifest says {bound:g}"


LAWS: tuple[Law, ...] = (
    headers,
    schema,
    instances,
    strengths,
    normals,
    extent,
    cost,
    bounds,
)
"""All of them."""
