"""Structured3D: views with depth inside the release's zip files, which are read as they are.

Rules of the official preprocessing (Pointcept ``preprocess_structured3d.py`` at d74c646): a room's
panorama and perspective views, furnished, by raw light; normals from neighbouring pixels; a pixel
stays with a depth, a semantic id above 0 and ``|cos(ray, normal)|`` above ``grazing``; of the
points of all views in a cell of the grid the first stays. The official code writes (y, x, z), which
mirrors the room: ``frame = "official"`` does too, ``"world"`` does not.

No labelled sample of the release was at hand; see docs/domains.md for what that leaves open.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int16, UInt8
from PIL import Image
from pydantic import Field, PositiveFloat, PositiveInt

from ppt_dist.scene.scene import UNLABELLED, Scene
from ppt_dist.scene.voxel import grid_sample
from ppt_dist.section import BadInput, Section, parse
from ppt_dist.shard.readers import views
from ppt_dist.shard.readers.reading import Raw, Reading, check_scene

_MEMBER = re.compile(
    r"Structured3D/(?P<scene>scene_\d{5})/2D_rendering/(?P<room>\d+)/"
    r"(?P<view>panorama|perspective)/"
    r"(?P<part>full/(.+/)?(depth|semantic|rgb_\w+)\.png|(.+/)?camera_\w+\.txt)"
)
"""Members that are read; a release has a million others."""
_CAMERAS = {"panorama": "camera_xyz.txt", "perspective": "camera_pose.txt"}
_MILLIMETRES = 1000.0
_DEPTH, _COLOR, _IDS = ("I;16",), ("RGB", "RGBA"), ("P", "L")
"""Pillow's names of what the pixels of an image may be."""
OPEN = 64
"""Zip files that are kept open; the release has fewer."""
_DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)
"""What reading a member raises where it is damaged, encrypted or strangely compressed."""
_NO_IMAGE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)

View = Literal["panorama", "perspective"]


class Options(Section):
    """The recipe's ``[options]``."""

    views: Annotated[tuple[View, ...], Field(min_length=1)]
    frame: Literal["world", "official"]
    light: Literal["rawlight", "coldlight", "warmlight"]
    grazing: Annotated[float, Field(ge=0, lt=1)]
    """Least ``|cos|`` between a pixel's ray and its normal."""
    sampling: PositiveFloat
    """Edge of the cells of which one point stays, metres."""
    highest_id: PositiveInt
    """Of the semantic ids that the format knows."""


class _Zip(NamedTuple):
    """A file in a certain state: what is remembered of it holds no longer than that."""

    path: Path
    size: int
    changed: int


class _Member(NamedTuple):
    archive: _Zip
    name: str

    @property
    def where(self) -> str:
        return f"{self.archive.path}: {self.name}"


class _Points(NamedTuple):
    """The kept pixels of a view."""

    coord: Float32[np.ndarray, "points 3"]
    color: UInt8[np.ndarray, "points 3"]
    normal: Float32[np.ndarray, "points 3"]
    segment: Int16[np.ndarray, " points"]
    strange: int
    """Of them with an id that the format does not know; they are unlabelled."""


def find(root: Path, listed: str) -> dict[str, Path]:
    """The rooms of an apartment such as ``scene_00000``, wherever in the zips they lie."""
    return dict.fromkeys(_rooms(_zips(root)).get(listed, ()), root)


def read(scene_id: str, place: Path, raw: Raw) -> Reading:
    """The room, from all of its views."""
    options = parse(Options, raw.recipe.options, raw.folder / "recipe.toml: options")
    known = _members(_zips(place))
    if scene_id not in known:
        raise BadInput(f"{place}: no zip file there has {scene_id}")
    members = known[scene_id]
    views_of: dict[str, View] = dict(_views(members, options))
    if not views_of:
        raise BadInput(f"{place}: {scene_id} has no {' or '.join(options.views)} view")
    points = [_read_view(members, folder, kind, raw, options) for folder, kind in views_of.items()]
    scene = _joined(scene_id, points)
    if options.frame == "official":
        scene = _mirrored(scene)
    check_scene(scene, place / scene_id)
    first = grid_sample(scene.coord, options.sampling).chosen
    absent = [kind for kind in options.views if kind not in views_of.values()]
    notes = tuple(f"{place}: {scene_id} has no {kind} view" for kind in absent)
    strange = sum(part.strange for part in points)
    if strange:
        notes += (f"{place}: {scene_id}: {strange} points of ids above {options.highest_id}",)
    return Reading(scene.take(np.sort(first)), notes)


def _zips(root: Path) -> tuple[_Zip, ...]:
    states = ((path, path.stat()) for path in sorted(root.glob("*.zip")))
    return tuple(_Zip(path, state.st_size, state.st_mtime_ns) for path, state in states)


@cache
def _members(zips: tuple[_Zip, ...]) -> dict[str, dict[str, _Member]]:
    """Members of each room by their path below it; the index of all zips, read once a process."""
    found: dict[str, dict[str, _Member]] = {}
    for archive in zips:
        for name in _open(archive).namelist():
            match = _MEMBER.fullmatch(name)
            if match:
                room = f"{match['scene']}_room_{match['room']}"
                part = f"{match['view']}/{match['part']}"
                found.setdefault(room, {})[part] = _Member(archive, name)
    return found


@cache
def _rooms(zips: tuple[_Zip, ...]) -> dict[str, tuple[str, ...]]:
    rooms: dict[str, tuple[str, ...]] = {}
    for room in sorted(_members(zips)):
        scene = room.partition("_room_")[0]
        rooms[scene] = (*rooms.get(scene, ()), room)
    return rooms


@lru_cache(maxsize=OPEN)
def _open(archive: _Zip) -> zipfile.ZipFile:
    """Kept open: the index of a zip of the release takes seconds to read."""
    try:
        return zipfile.ZipFile(archive.path)
    except zipfile.BadZipFile as error:
        raise BadInput(f"{archive.path}: not a zip file: {error}") from None


def _views(members: dict[str, _Member], options: Options) -> Iterator[tuple[str, View]]:
    """Folder and kind of each furnished view that has an image of any sort."""
    images = [name.rpartition("/")[0] for name in members if name.endswith(".png")]
    for folder in sorted(set(images)):
        for kind in options.views:
            if folder.startswith(f"{kind}/full"):
                yield folder, kind


def _read_view(
    members: dict[str, _Member], folder: str, kind: View, raw: Raw, options: Options
) -> _Points:
    depth = _image(members, f"{folder}/depth.png", _DEPTH)
    color = _image(members, f"{folder}/rgb_{options.light}.png", _COLOR, depth.shape)
    semantic = _image(members, f"{folder}/semantic.png", _IDS, depth.shape)
    eye, ray = _camera(members, folder, kind, depth.shape)
    point = eye + depth[..., None] * ray
    valid = views.has_depth(depth)
    normal = views.normals(point, valid, wraps=kind == "panorama")
    kept = valid & (semantic > 0) & (views.cosine(normal, ray) > options.grazing)
    normal = np.where(np.einsum("rci,rci->rc", normal, ray)[..., None] > 0, -normal, normal)
    return _Points(
        (point[kept] / _MILLIMETRES).astype(np.float32),
        color[kept][:, :3],
        normal[kept].astype(np.float32),
        _segment(semantic, kept, raw),
        int((semantic[kept] > options.highest_id).sum()),
    )


def _camera(
    members: dict[str, _Member], folder: str, kind: View, shape: tuple[int, ...]
) -> tuple[np.ndarray, views.Rays]:
    """The camera's place in millimetres, and the ray of each pixel."""
    inside = folder if kind == "perspective" else kind
    name = f"{inside}/{_CAMERAS[kind]}"
    where = _member(members, name)
    try:
        numbers = [_finite(word) for word in _bytes(where).split()]
        if kind == "perspective":
            pose = views.pose_of(numbers)
            return pose.eye, views.perspective_rays(pose, shape[0], shape[1])
        x, y, z = numbers
    except ValueError as error:
        raise BadInput(f"{where.where}: {error}") from None
    return np.array([x, y, z]), views.panorama_rays(shape[0], shape[1])


def _finite(word: bytes) -> float:
    number = float(word)
    if not np.isfinite(number):
        raise ValueError(f"{number} is not finite")
    return number


def _member(members: dict[str, _Member], name: str) -> _Member:
    if name not in members:
        near = next(iter(members.values()))
        raise BadInput(
            f"{near.archive.path.parent}: the room of {near.name} lacks {name}: "
            "put all zip files of the release into one folder"
        )
    return members[name]


def _bytes(member: _Member) -> bytes:
    try:
        return _open(member.archive).read(member.name)
    except _DAMAGED as error:
        raise BadInput(f"{member.where}: {error}") from None


def _image(
    members: dict[str, _Member],
    name: str,
    modes: tuple[str, ...],
    shape: tuple[int, ...] | None = None,
) -> np.ndarray:
    """Pixels as stored, of a palette image their indices.

    Raises:
        BadInput: it is not a PNG image of such a mode and size.
    """
    member = _member(members, name)
    try:
        with Image.open(io.BytesIO(_bytes(member)), formats=("PNG",)) as image:
            mode, pixels = image.mode, np.asarray(image)
    except _NO_IMAGE as error:
        raise BadInput(f"{member.where}: not a PNG image: {error}") from None
    if mode not in modes:
        raise BadInput(f"{member.where} has pixels of mode {mode}, not {' or '.join(modes)}")
    if shape and pixels.shape[:2] != shape:
        raise BadInput(
            f"{member.where} has {pixels.shape[:2]} rows and columns, "
            f"but the view's depth has {shape}"
        )
    return pixels


def _segment(
    semantic: UInt8[np.ndarray, "rows columns"], kept: Bool[np.ndarray, "rows columns"], raw: Raw
) -> Int16[np.ndarray, " points"]:
    """nyu40 ids to label indices; ids of no class are unlabelled."""
    table = np.full(256, UNLABELLED, np.int16)
    for i, entry in enumerate(raw.recipe.classes):
        table[[int(nyu) for nyu in entry.raw]] = i
    return table[semantic[kept]]


def _joined(scene_id: str, parts: list[_Points]) -> Scene:
    rows = (part[:4] for part in parts)
    coord, color, normal, segment = (np.concatenate(p) for p in zip(*rows, strict=True))
    none = np.full(len(coord), UNLABELLED, np.int32)
    return Scene(scene_id, coord, segment, none, color, normal)


def _mirrored(scene: Scene) -> Scene:
    """The room with x and y exchanged, as the official code writes them."""
    normal = None if scene.normal is None else scene.normal[:, [1, 0, 2]]
    return Scene(
        scene.name, scene.coord[:, [1, 0, 2]], scene.segment, scene.instance, scene.color, normal
    )
