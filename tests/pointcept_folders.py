"""Folders as Pointcept's preprocessing writes them, from scenes that our readers read."""

from pathlib import Path

import numpy as np

from ppt_dist.scene.scene import Scene
from ppt_dist.shard.readers import find_reader
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import find_recipe


def read_all(domain: str, root: Path) -> dict[str, dict[str, Scene]]:
    """Scenes of each split by the id that Pointcept's folders have."""
    recipe, folder = find_recipe(domain)
    raw, reader = Raw(root, recipe, folder), find_reader(recipe.reader)
    found = {}
    for split, path in recipe.splits.items():
        ids = (folder / path).read_text().split()
        places = {name: p for listed in ids for name, p in reader.find(root, listed).items()}
        found[split] = {name: reader.read(name, p, raw).scene for name, p in places.items()}
    return found


def write_scannet(root: Path, out: Path) -> None:
    """int64 labels and instances of shape [n], the group's number as instance."""
    for split, scenes in read_all("scannet", root).items():
        for name, scene in scenes.items():
            arrays = _shared(scene) | {
                "segment20": scene.segment.astype(np.int64),
                "segment200": np.where(scene.segment < 0, -1, scene.segment * 7).astype(np.int64),
                "instance": np.where(scene.instance < 0, -1, scene.instance * 3).astype(np.int64),
            }
            save(out / split / name, arrays)


def write_s3dis(root: Path, out: Path) -> None:
    """int16 labels and instances of shape [n, 1], and no folder for a split."""
    for scenes in read_all("s3dis", root).values():
        for name, scene in scenes.items():
            labels = {
                "segment": scene.segment[:, None],
                "instance": scene.instance[:, None].astype(np.int16),
            }
            save(out / name, _shared(scene) | labels)


def write_structured3d(root: Path, out: Path) -> None:
    """A folder for an apartment, its rooms inside; x and y exchanged, and no instances."""
    for split, scenes in read_all("structured3d", root).items():
        for name, scene in scenes.items():
            apartment, _, room = name.partition("_room_")
            arrays = _shared(scene) | {"segment": scene.segment[:, None]}
            for channel in ("coord", "normal"):
                arrays[channel] = arrays[channel][:, [1, 0, 2]]
            save(out / split / apartment / f"room_{room}", arrays)


WRITE = {"scannet": write_scannet, "s3dis": write_s3dis, "structured3d": write_structured3d}


def save(place: Path, arrays: dict[str, np.ndarray]) -> None:
    """Each as a file."""
    place.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(place / f"{name}.npy", array)


def _shared(scene: Scene) -> dict[str, np.ndarray]:
    assert scene.color is not None
    assert scene.normal is not None
    return {"coord": scene.coord, "color": scene.color, "normal": scene.normal}
