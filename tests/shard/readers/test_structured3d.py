"""Structured3D: eight pixels of each kind of view by hand, rendered rooms, and broken zips."""

import io
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from ppt_dist.section import BadInput
from ppt_dist.shard.readers import structured3d, views
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.synth.make import _generator, make_raw
from ppt_dist.synth.room import make_room
from ppt_dist.synth.structured3d import place
from ppt_dist.synth.world import find_world

RECIPE, FOLDER = find_recipe("structured3d")
ROOT_2 = np.sqrt(0.5)
SEED = 11


def read(root, scene="scene_00000", **options):
    recipe = RECIPE.model_copy(update={"options": RECIPE.options | options})
    ((room, where),) = structured3d.find(root, scene).items()
    return structured3d.read(room, where, Raw(root, recipe, FOLDER)).scene


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    make_raw(folder, 2, seed=SEED, domains=("structured3d",))
    return folder / "structured3d"


@pytest.mark.parametrize(
    ("row", "column", "ray"),
    [
        (256, 512, (0, 1, 0)),  # the centre column looks along +y, the middle row is level
        (256, 768, (1, 0, 0)),  # a quarter to the right: +x
        (256, 256, (-1, 0, 0)),
        (256, 0, (0, -1, 0)),  # column 0 looks back
        (0, 512, (0, 0, 1)),  # row 0 looks up, in whatever column
        (0, 77, (0, 0, 1)),
        (128, 512, (0, ROOT_2, ROOT_2)),
        (384, 768, (ROOT_2, 0, -ROOT_2)),
    ],
)
def test_pixels_of_a_panorama_look_where_the_format_says(row, column, ray):
    assert views.panorama_rays(512, 1024)[row, column] == pytest.approx(ray, abs=1e-12)


@pytest.mark.parametrize(
    ("row", "column", "ray"),
    [
        (360, 640, (0, 1, 0)),  # the middle looks along the view direction
        (360, 0, (-1, 1, 0)),  # half a field of 45 degrees to the left
        (360, 960, (0.5, 1, 0)),
        (0, 640, (0, 1, 0.75)),  # row 0 is up
        (540, 640, (0, 1, -0.375)),
        (0, 0, (-1, 1, 0.75)),
        (180, 960, (0.5, 1, 0.375)),
        (540, 320, (-0.5, 1, -0.375)),
    ],
)
def test_pixels_of_a_perspective_view_advance_by_one_along_its_direction(row, column, ray):
    pose = views.pose_of([0, 0, 0, 0, 2, 0, 0, 0, 3, np.pi / 4, np.arctan(0.75), 1])
    assert views.perspective_rays(pose, 720, 1280)[row, column] == pytest.approx(ray, abs=1e-12)


def test_normals_of_a_flat_wall_stand_on_it_and_missing_neighbours_have_none():
    pose = views.pose_of([0, 0, 0, 0, 1, 0, 0, 0, 1, 0.5, 0.5, 1])
    points = 2000 * views.perspective_rays(pose, 6, 8)
    valid = np.ones((6, 8), bool)
    valid[2, 3] = False
    normal = views.normals(points, valid, wraps=False)
    for row, column in ((2, 2), (2, 4), (1, 3), (3, 3), (2, 3)):
        assert not normal[row, column].any()
        normal[row, column] = (0, 1, 0)
    assert np.abs(normal[..., 1]) == pytest.approx(1)


def surfaces_of(scene):
    """The rendered room's surfaces, made again from the generator's seed."""
    world = find_world("structured3d")
    room = make_room(world.furniture, _generator(SEED, "structured3d", scene, "room"))
    placed = place(room, _generator(SEED, "structured3d", scene, "views"))
    return placed.surfaces, world


def distances(surface, coord):
    """Metres from each point to a surface, by its own algebra."""
    offset = coord - surface.origin
    if surface.radius:
        side = np.abs(np.linalg.norm(offset[:, :2], axis=1) - surface.radius)
        above = np.maximum(offset[:, 2] - surface.across[2], -offset[:, 2]).clip(0)
        return np.hypot(side, above)
    u, v = (edge / np.linalg.norm(edge) for edge in (surface.along, surface.across))
    a, b = offset @ u, offset @ v
    beyond_a = np.maximum(a - np.linalg.norm(surface.along), -a).clip(0)
    beyond_b = np.maximum(b - np.linalg.norm(surface.across), -b).clip(0)
    return np.sqrt((offset @ np.cross(u, v)) ** 2 + beyond_a**2 + beyond_b**2)


@pytest.mark.parametrize("kind", ["panorama", "perspective"])
def test_points_lie_on_the_generated_surfaces_and_have_their_labels(made, kind):
    scene = read(made, views=[kind])
    surfaces, world = surfaces_of("scene_00000")
    table = np.stack([distances(s, scene.coord.astype(np.float64)) for s in surfaces])
    names = [entry.name for entry in RECIPE.classes]
    label = np.array([names.index(world.labels[s.shape]) for s in surfaces])
    assert len(scene) > 5000
    assert table.min(axis=0).max() < 0.002  # depth is in whole millimetres
    near = table < 0.004  # two surfaces may meet there
    agrees = (near & (label[:, None] == scene.segment[None])).any(axis=0)
    assert agrees.all()


def test_both_kinds_of_view_show_one_room_and_normals_face_the_cameras(made):
    both, panorama = read(made), read(made, views=["panorama"])
    assert len(both) > 1.5 * len(panorama)
    low, high = panorama.coord.min(axis=0) - 0.05, panorama.coord.max(axis=0) + 0.05
    assert ((both.coord > low) & (both.coord < high)).all()
    assert both.normal is not None
    assert np.linalg.norm(both.normal, axis=1) == pytest.approx(1, abs=1e-4)
    floor = both.normal[both.segment == 1]
    assert np.median(floor[:, 2]) > 0.99
    cells = np.floor(both.coord / np.float32(0.01)).astype(int)
    assert len(np.unique(cells, axis=0)) == len(both)


def test_the_official_frame_exchanges_x_and_y_of_points_and_normals(made):
    world, official = read(made), read(made, frame="official", sampling=0.01)
    order = [np.lexsort(c.T) for c in (world.coord, official.coord[:, [1, 0, 2]])]
    assert np.array_equal(world.coord[order[0]], official.coord[:, [1, 0, 2]][order[1]])
    assert world.normal is not None
    assert official.normal is not None
    assert np.array_equal(world.normal[order[0]], official.normal[:, [1, 0, 2]][order[1]])


def test_grazing_pixels_are_left_out(made):
    every, steep = read(made, grazing=0.0), read(made, grazing=0.5)
    assert len(steep) < len(read(made)) < len(every)


def test_a_semantic_pixel_is_the_index_and_not_the_colour_of_its_palette(made):
    with zipfile.ZipFile(next(made.glob("*panorama_00000.zip"))) as archive:
        name = next(n for n in archive.namelist() if n.endswith("semantic.png"))
        image = Image.open(io.BytesIO(archive.read(name)))
    assert image.mode == "P"
    ids = set(np.unique(np.asarray(image)).tolist())
    assert {1, 2, 22} <= ids <= {0, *range(1, 41)}


def altered(made, tmp_path, change, compression=zipfile.ZIP_STORED):
    """The zips with some members changed (None: left out)."""
    for path in made.glob("*_00000.zip"):
        with zipfile.ZipFile(path) as source:
            members = {name: change(name, source.read(name)) for name in source.namelist()}
        with zipfile.ZipFile(tmp_path / path.name, "w", compression) as copy:
            for name in [name for name, content in members.items() if content is not None]:
                copy.writestr(name, members[name])
    return tmp_path


@pytest.mark.parametrize("place", [40, 300, 2000])
def test_a_damaged_byte_in_a_compressed_zip_is_bad_input_that_names_the_member(
    made, tmp_path, place
):
    altered(made, tmp_path, lambda _name, content: content, zipfile.ZIP_DEFLATED)
    path = tmp_path / "Structured3D_panorama_00000.zip"
    with zipfile.ZipFile(path) as archive:
        (member,) = (m for m in archive.infolist() if m.filename.endswith("full/depth.png"))
        start = member.header_offset + 30 + len(member.filename)
    content = bytearray(path.read_bytes())
    assert place < member.compress_size
    content[start + place] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(BadInput, match=r"panorama/full/depth\.png: "):
        read(tmp_path)


def test_a_room_that_no_zip_holds_is_bad_input(made):
    with pytest.raises(BadInput, match="no zip file there has scene_00000_room_9"):
        structured3d.read("scene_00000_room_9", made, Raw(made, RECIPE, FOLDER))


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def test_a_view_that_a_room_lacks_and_ids_beyond_the_format_are_told(made, tmp_path):
    def change(name, content):
        if "/panorama/" in name:
            return None
        if "semantic" in name:
            return png(np.full_like(np.asarray(Image.open(io.BytesIO(content))), 200))
        return content

    altered(made, tmp_path, change)
    ((room, where),) = structured3d.find(tmp_path, "scene_00000").items()

    reading = structured3d.read(room, where, Raw(tmp_path, RECIPE, FOLDER))

    view, ids = reading.notes
    assert view.endswith(f"{room} has no panorama view")
    assert ids.endswith("points of ids above 40")
    assert (reading.scene.segment == -1).all()


@pytest.mark.parametrize(
    ("part", "content", "reason"),
    [
        ("panorama/full/rgb_rawlight.png", None, "lacks panorama/full/rgb_rawlight.png"),
        ("panorama/camera_xyz.txt", None, "lacks panorama/camera_xyz.txt"),
        ("panorama/full/depth.png", None, "lacks panorama/full/depth.png"),
        ("panorama/camera_xyz.txt", b"nan nan nan", "not finite"),
        ("full/0/camera_pose.txt", b"1 2 3", "3 numbers instead of"),
        ("full/0/camera_pose.txt", b"1 2 3 0 0 0 0 0 1 1 1 1", "a direction of length 0"),
        ("panorama/camera_xyz.txt", b"1 2 x", "could not convert"),
        ("panorama/full/semantic.png", png(np.zeros((5, 7), np.uint8)), "(5, 7) rows and columns"),
        ("panorama/full/depth.png", png(np.ones((128, 256), np.uint8)), "mode L, not I;16"),
        ("panorama/full/depth.png", b"\x80\x04pickle", "not a PNG image"),
        ("full/1/rgb_rawlight.png", png(np.zeros((120, 160), np.uint8)), "mode L, not RGB or RGBA"),
        ("full/1/semantic.png", png(np.zeros((120, 160, 3), np.uint8)), "mode RGB, not P or L"),
    ],
)
def test_a_broken_room_is_refused_with_zip_member_and_reason(made, tmp_path, part, content, reason):
    root = altered(made, tmp_path, lambda name, kept: content if name.endswith(part) else kept)
    with pytest.raises(BadInput) as refused:
        read(root)
    assert reason in str(refused.value)
    assert str(root) in str(refused.value)


def test_a_room_without_a_depth_anywhere_has_no_points(made, tmp_path):
    def blind(name, content):
        shape = (128, 256) if "panorama" in name else (120, 160)
        return png(np.zeros(shape, np.uint16)) if name.endswith("depth.png") else content

    with pytest.raises(BadInput, match="no points"):
        read(altered(made, tmp_path, blind))


def test_a_file_that_is_no_zip_is_refused_by_its_name(made, tmp_path):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    (tmp_path / "Structured3D_panorama_99.zip").write_bytes(b"\x80\x04\x95pickle")
    with pytest.raises(BadInput, match=r"panorama_99\.zip: not a zip file"):
        structured3d.find(tmp_path, "scene_00000")


def test_an_apartment_that_is_not_there_has_no_rooms(made):
    assert structured3d.find(made, "scene_02999") == {}
    (room,) = structured3d.find(made, "scene_00000")
    assert room.startswith("scene_00000_room_")
