"""Scenes of a split by the folders that Pointcept's preprocessing leaves, held against its list.

ScanNet ``<split>/<scene>``, Structured3D ``<split>/<apartment>/room_<id>``, S3DIS
``Area_<n>/<room>`` (Pointcept at d74c646, ``datasets/{scannet,structure3d,s3dis}.py``).
"""

from collections.abc import Iterator
from pathlib import Path

from ppt_dist.section import BadInput
from ppt_dist.shard.found import Found, by_list, listed_ids
from ppt_dist.shard.readers.reading import Raw


def foldered(raw: Raw, split: str) -> Found:
    """The scenes of ``<root>/<split>``; of the split's list where no split has a folder.

    A scene in the folder that no list names is packed, with a note.

    Raises:
        BadInput: pickles lie there, or a scene that another split's list names.
    """
    _refuse_pickles(raw.root)
    if not any((raw.root / name).is_dir() for name in raw.recipe.splits):
        return _without_folders(raw, split)
    _refuse_pickles(raw.root / split)
    scenes = sorted(_scenes(raw.root / split))
    owners = {name: s for s in raw.recipe.splits for name in listed_ids(raw, s)}
    for name, apartment, place in scenes:
        owner = owners.get(name, owners.get(apartment, split))
        if owner != split:
            raise BadInput(f"{place}: the recipe's list has {name} in {owner}, not in {split}")
    strangers = [name for name, apartment, _ in scenes if not {name, apartment} & owners.keys()]
    there = {part for name, apartment, _ in scenes for part in (name, apartment)}
    absent = tuple(name for name in listed_ids(raw, split) if name not in there)
    notes = (_told(split, strangers),) if strangers else ()
    return Found(tuple((name, place) for name, _, place in scenes), absent, notes)


def _without_folders(raw: Raw, split: str) -> Found:
    for folder in sorted({(raw.root / name).parent for name in listed_ids(raw, split)}):
        _refuse_pickles(folder)
    return by_list(raw, split)


def _told(split: str, strangers: list[str]) -> str:
    named = ", ".join(strangers[:3]) + (", ..." if len(strangers) > 3 else "")
    return f"{split}: {len(strangers)} scenes that the recipe's lists do not name: {named}"


def _scenes(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Id, the id that a list may have in its place, and folder of each scene.

    A folder without arrays holds rooms, or is a scene that is broken.
    """
    for place in _folders(folder):
        rooms = [] if any(place.glob("*.npy")) else _folders(place)
        if not rooms:
            yield place.name, place.name.partition("_room_")[0], place
        for room in rooms:
            yield f"{place.name}_{room.name}", place.name, room


def _folders(folder: Path) -> list[Path]:
    inside = folder.iterdir() if folder.is_dir() else ()
    return [path for path in inside if path.is_dir() and not path.name.startswith(".")]


def _refuse_pickles(folder: Path) -> None:
    pickles = sorted(folder.glob("*.pth")) if folder.is_dir() else []
    if pickles:
        raise BadInput(
            f"{pickles[0]}: one pickle a scene, as Pointcept wrote before v1.5.2, and pickles are "
            "not read, since they run what they hold. Preprocess again with v1.5.2 or later; or, "
            "where you trust the files, torch.load each and np.save its coord, color, normal, "
            "semantic_gt20 (as segment20) or semantic_gt (as segment) and instance_gt (as "
            "instance) as .npy files in a folder of the scene's name"
        )
