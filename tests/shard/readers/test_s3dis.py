"""S3DIS: a real room, and small rooms that are wrong in one way."""

import numpy as np
import pytest

from ppt_dist.section import BadInput
from ppt_dist.shard.readers import s3dis
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import find_recipe

ROOM = "Area_3/hallway_3"
RECIPE, FOLDER = find_recipe("s3dis")
NAMES = [entry.name for entry in RECIPE.classes]


def read(root, **options):
    recipe = RECIPE.model_copy(update={"options": RECIPE.options | options})
    return s3dis.read(ROOM, s3dis.find(root, ROOM)[ROOM], Raw(root, recipe, FOLDER))


@pytest.fixture(scope="module")
def real(shared):
    return shared / "real/s3dis"


@pytest.fixture(scope="module")
def scene(real):
    return read(real).scene


def test_the_real_room_has_its_points_in_the_order_of_its_sorted_files(real, scene):
    files = sorted((real / ROOM / "Annotations").glob("*.txt"))
    assert len(scene) == 175_075
    assert len(files) == 12
    start = 0
    for number, path in enumerate(files):
        rows = np.loadtxt(path)
        part = slice(start, start + len(rows))
        assert scene.coord[part] == pytest.approx(rows[:, :3], abs=1e-6)
        assert np.array_equal(scene.color[part], rows[:, 3:])
        assert set(scene.instance[part].tolist()) == {number}
        assert set(scene.segment[part].tolist()) == {NAMES.index(path.stem.split("_")[0])}
        start += len(rows)
    assert start == len(scene)


def test_estimated_normals_are_unit_upright_on_the_floor_and_face_the_room(scene):
    length = np.linalg.norm(scene.normal, axis=1)
    assert length == pytest.approx(1, abs=1e-5)
    floor = scene.normal[scene.segment == NAMES.index("floor")]
    ceiling = scene.normal[scene.segment == NAMES.index("ceiling")]
    assert np.median(floor[:, 2]) > 0.95
    assert np.median(ceiling[:, 2]) < -0.95


@pytest.fixture
def small(tmp_path):
    """A wall of three points and a chair of one, in an area without angles."""
    write(tmp_path, "wall_1.txt", "0 0 0 1 2 3\n4 0 0 1 2 3\n0 2 0 1 2 3\n")
    write(tmp_path, "chair_1.txt", "1 1 1 9 9 9\n")
    return tmp_path


def write(root, name, content):
    path = root / ROOM / "Annotations" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def test_a_stray_character_is_dropped_and_noted_with_file_and_line(small):
    write(small, "wall_1.txt", b"0 0 0 1 2 3\n4 0 0 1\x102 2 3\n0 2 0 1 2 3\n")
    reading = read(small, align=False)
    (note,) = reading.notes
    assert "wall_1.txt:2: stray characters dropped" in note
    assert reading.scene.color is not None
    assert reading.scene.color[2].tolist() == [12, 2, 3]
    assert len(reading.scene) == 4


def test_hidden_files_are_no_objects(small):
    write(small, "._wall_1.txt", b"\x00\x05\x16\x07")
    write(small, ".DS_Store", b"Bud1")
    assert len(read(small, align=False).scene) == 4


def test_a_prefix_that_no_class_lists_is_clutter(small):
    write(small, "stairs_1.txt", "2 2 2 0 0 0\n")
    write(small, "piano_1.txt", "2 1 2 0 0 0\n")
    scene = read(small, align=False).scene
    assert [NAMES[i] for i in scene.segment] == ["chair", "clutter", "clutter", *["wall"] * 3]


def test_an_angle_turns_the_room_backwards_about_the_middle_of_its_box(small):
    (small / "Area_3" / "Area_3_alignmentAngle.txt").write_text(
        "## Global alignment angle per disjoint space in Area_3 ##\n\nhallway_3 90\n"
    )
    turned, still = read(small).scene.coord, read(small, align=False).scene.coord
    middle = np.array([2, 1, 0.5])
    for before, after in zip(still - middle, turned - middle, strict=True):
        assert after == pytest.approx([before[1], -before[0], before[2]], abs=1e-6)


def test_a_room_without_an_angle_is_not_turned_and_noted(small):
    reading = read(small)
    assert np.array_equal(reading.scene.coord, read(small, align=False).scene.coord)
    assert "no angle for hallway_3" in reading.notes[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("0 0 0 1 2\n", r"wall_1\.txt:1: not six numbers"),
        ("0 0 0 1 2 3\n1 2 3 4 5 6 7\n", r"wall_1\.txt:2: not six numbers"),
        ("0 0 0 1 2 3\n\n0 0 nan 1 2 3\n", r"wall_1\.txt:3: not six numbers"),
        ("0 0 1e999 1 2 3\n", r"wall_1\.txt: .*not finite"),
        ("0 0 0 1 2 256\n", r"wall_1\.txt: .*colour not in 0 to 255"),
        ("0 0 0 -1 2 3\n", r"wall_1\.txt: .*colour not in 0 to 255"),
        ("", r"wall_1\.txt: no points"),
        (b"\x80\x04\x95pickle", r"wall_1\.txt"),
    ],
)
def test_a_broken_object_is_refused_by_its_file_and_reason(small, content, reason):
    write(small, "wall_1.txt", content)
    with pytest.raises(BadInput, match=reason):
        read(small, align=False)


def test_a_room_without_objects_has_no_points(small):
    for path in (small / ROOM / "Annotations").iterdir():
        path.unlink()
    with pytest.raises(BadInput, match="no points"):
        read(small)


def test_an_angle_that_is_no_number_is_refused_with_its_line(small):
    (small / "Area_3" / "Area_3_alignmentAngle.txt").write_text("##\nhallway_3 x\n")
    with pytest.raises(BadInput, match=r"alignmentAngle\.txt:2: no angle"):
        read(small)
