"""What codec ``compact`` changes of a scene, and by how much at most."""

import io
import json

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ppt_dist.scene.scene import Scene
from ppt_dist.scene.voxel import cells_of
from ppt_dist.section import BadInput
from ppt_dist.shard.codec import META, decode, encode, in_morton_order, step_of
from ppt_dist.shard.form import COMPACT, PLAIN
from ppt_dist.shard.found import listed
from ppt_dist.shard.lattice import lattice_of, morton_order
from ppt_dist.shard.octahedral import LARGEST_ERROR, from_bytes, table, to_bytes
from ppt_dist.shard.readers import find_reader
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.shard.rounding import angles, rounding_of

EDGE = 0.02
OFFSETS = st.tuples(*[st.sampled_from([0.0, -3.25, 700.0, -1e4, 4.5e5, 1e6, -5.6e6])] * 3)
SPREADS = st.tuples(*[st.sampled_from([0.0, 1e-4, 0.3, 8.0, 31.0, 50.0, 400.0, 9e4])] * 3)


def scene(points: int, offset=(0, 0, 0), spread=(8, 5, 3), seed: int = 0) -> Scene:
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=(points, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    normal[::7] = 0
    return Scene(
        name="room-1",
        coord=(np.array(offset) + rng.random((points, 3)) * spread).astype(np.float32),
        segment=rng.integers(-1, 20, points).astype(np.int16),
        instance=rng.integers(-1, 70_000, points).astype(np.int32),
        color=rng.integers(0, 256, (points, 3)).astype(np.uint8),
        normal=normal.astype(np.float32),
        strength=rng.random(points).astype(np.float32),
    )


def array(channel: np.ndarray | None) -> np.ndarray:
    """A channel that is there."""
    assert channel is not None
    return channel


@given(st.integers(0, 60), OFFSETS, SPREADS, st.integers(0, 99))
@settings(max_examples=150)
def test_a_scene_comes_back_within_the_bounds_wherever_it_lies(points, offset, spread, seed):
    before = scene(points, offset, spread, seed)
    members = encode(before, COMPACT, EDGE)

    after = decode(members, COMPACT)
    found = rounding_of(before, after, step_of(members) or 0)

    assert found.coord_largest <= found.coord_bound
    assert found.normal_largest <= LARGEST_ERROR
    assert found.strength_largest <= 2**-12
    assert found.color_largest == 0
    assert np.array_equal(after.segment, before.segment)
    assert np.array_equal(after.instance, before.instance)
    assert after.name == before.name


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(0, 12), st.just(3)),
        elements=st.floats(-(2**21), 2**21, width=32),
    )
)
@settings(max_examples=200)
def test_any_coordinates_are_off_by_half_a_step_and_a_rounding_at_most(coord):
    none = np.full(len(coord), -1)
    before = Scene("any", coord, none.astype(np.int16), none.astype(np.int32))
    members = encode(before, COMPACT, EDGE)

    found = rounding_of(before, decode(members, COMPACT), step_of(members) or 0)

    assert found.coord_largest <= found.coord_bound
    assert step_of(members) in {EDGE / 40, EDGE / 20}


@pytest.mark.parametrize(
    ("width", "step", "planes"),
    [(32, 0.0005, 2), (33, 0.001, 2), (65, 0.001, 2), (66, 0.001, 3), (20_000, 0.001, 4)],
)
def test_a_wider_scene_gets_longer_steps_and_then_more_bytes(width, step, planes):
    before = scene(50, spread=(0, 0, 0))
    before.coord[0, 0] += width

    lattice = lattice_of(before.coord, EDGE)

    assert (lattice.step, lattice.planes) == (step, planes)


def test_a_stray_that_no_lattice_holds_is_refused():
    before = scene(5)
    before.coord[0] = 1e9

    with pytest.raises(BadInput, match=r"spans 1e\+09 m"):
        encode(before, COMPACT, EDGE)


@given(st.integers(0, 200), st.sampled_from([0.02, 0.05]))
def test_points_keep_their_voxels_unless_they_lie_on_a_wall_of_one(seed, edge):
    before = scene(300, (-4, 2, 0), seed=seed)
    from_wall = np.abs(before.coord / edge - np.round(before.coord / edge)).min(1)

    after = decode(encode(before, COMPACT, edge), COMPACT)

    inside = from_wall > 1e-3
    low = np.floor(before.coord.astype(np.float64) / edge).astype(int)
    assert np.array_equal(np.floor(after.coord / np.float64(edge)).astype(int)[inside], low[inside])
    assert len(cells_of(after.coord, edge).number) == 300


def test_the_formulas_of_the_documentation_give_the_same_bits():
    before = scene(999, (1, -2, 70), (90, 5, 3))
    members = encode(before, COMPACT, EDGE)
    after = decode(members, COMPACT)

    def load(name):
        inner = zstandard.ZstdDecompressor().decompress(members[f"{name}.npy.zst"])
        return np.load(io.BytesIO(inner), allow_pickle=False)

    meta, planes = json.loads(members[META])["lattice"], load("coord").astype(np.int64)
    q = (planes << np.array([[[0]], [[8]], [[16]]])).sum(0).T
    coord = np.array(meta["origin"]) + (q + 0.5) * meta["step"]
    assert meta["planes"] == len(planes) == 3
    assert np.array_equal(coord.astype(np.float32), after.coord)
    first, green, last = load("color")
    assert np.array_equal(np.stack([first + green, green, last + green], 1), array(before.color))
    x, y = load("normal").astype(np.float64) / 127 - 1
    z = 1 - abs(x) - abs(y)
    turned = (1 - abs(y)) * np.where(x < 0, -1, 1), (1 - abs(x)) * np.where(y < 0, -1, 1)
    normal = np.stack([np.where(z < 0, turned[0], x), np.where(z < 0, turned[1], y), z], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    normal[(load("normal") == 255).all(0)] = 0
    assert np.allclose(normal, array(after.normal), atol=1e-7)
    assert np.array_equal(load("segment"), before.segment)
    assert np.array_equal(load("strength").astype(np.float32), array(after.strength))


def test_the_same_scene_gives_the_same_bytes_and_arrays_can_be_written_to():
    first, second = (encode(scene(80), COMPACT, EDGE) for _ in range(2))
    after = decode(first, COMPACT)

    for name in COMPACT:
        getattr(after, name)[0] = 0

    assert first == second


@pytest.mark.parametrize("domain", ["scannet", "s3dis"])
def test_a_real_scan_takes_less_than_a_third_of_its_bytes_within_the_bounds(shared, domain):
    recipe, beside = find_recipe(domain)
    raw = Raw(shared / "real" / domain, recipe, beside)
    splits = (listed(raw, split).present for split in recipe.splits)
    (name, place), *_ = (one for present in splits for one in present)
    before = in_morton_order(find_reader(recipe.reader).read(name, place, raw).scene, EDGE)

    members = encode(before, COMPACT, EDGE)
    found = rounding_of(before, decode(members, COMPACT), step_of(members) or 0)

    plain = sum(map(len, encode(before, PLAIN, EDGE).values()))
    assert sum(map(len, members.values())) < plain / 3
    assert found.coord_largest <= found.coord_bound < 0.000251
    assert found.normal_largest < LARGEST_ERROR


RECORDS = [(fields, encode(scene(9), fields, EDGE)) for fields in (PLAIN, COMPACT)]
DAMAGE = st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255)), max_size=4)


@given(st.sampled_from(RECORDS), st.integers(0, 6), DAMAGE, st.integers(0, 40))
@settings(max_examples=500)
def test_a_damaged_record_is_refused_or_still_a_scene(record, which, damage, cut):
    fields, members = record
    name = sorted(members)[which]
    content = bytearray(members[name])
    for place, value in damage:
        content[place % len(content)] = value

    try:
        after = decode(members | {name: content[: len(content) - max(0, cut - 30)]}, fields)
    except BadInput:
        return

    assert after.coord.shape == (len(after.segment), 3)


def test_order_along_the_curve_is_that_of_interleaved_bits_and_stable():
    before = scene(400, spread=(0.02, 0.02, 0.02))
    lattice = lattice_of(before.coord, EDGE)
    q = np.floor(before.coord.astype(float) / lattice.step - np.array(lattice.origin) / 0.0005)

    def code(point):
        bits = [f"{int(x):06b}" for x in q[point][::-1]]
        return int("".join(c for group in zip(*bits, strict=True) for c in group), 2)

    assert morton_order(before.coord, lattice).tolist() == sorted(range(400), key=code)
    assert sorted(in_morton_order(before, EDGE).instance) == sorted(before.instance)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("coord", np.nan, "coord is not finite"),
        ("coord", np.inf, "coord is not finite"),
        ("normal", np.nan, "normal of point 2 has length nan"),
        ("normal", 0.9, "normal of point 2 has length 1.5"),
        ("strength", np.nan, "strength is not finite"),
        ("strength", 1e6, "strength is not finite"),
    ],
)
def test_what_a_field_cannot_hold_is_refused(field, value, reason):
    before = scene(9)
    getattr(before, field)[2] = value

    with pytest.raises(BadInput, match=reason):
        encode(before, COMPACT, EDGE)


def test_every_code_of_a_normal_is_a_unit_vector_or_none():
    length = np.linalg.norm(table(), axis=1)

    assert np.abs(length[length > 0] - 1).max() < 1e-6
    assert (length == 0).sum() == 256 * 2 - 1


def test_axes_and_diagonals_come_back_and_no_normal_is_farther_off_than_told():
    axes = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
    rng = np.random.default_rng(1)
    many = rng.normal(size=(200_000, 3))
    many[:1000, 2] *= 1e-4
    many = (many / np.linalg.norm(many, axis=1, keepdims=True)).astype(np.float32)

    assert np.array_equal(from_bytes(to_bytes(axes)), axes)
    assert angles(many, from_bytes(to_bytes(many))).max() < LARGEST_ERROR


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({META: b'{"format": 1, "name": "x", "points": 9}'}, "does not say on which"),
        ({"coord.npy.zst": encode(scene(8), COMPACT, EDGE)["coord.npy.zst"]}, "coord: a frame of"),
        ({"coord.npy.zst": b"nothing"}, "not zstd"),
        ({META: b'{"name": "x", "points": 9000000000000}'}, "lattice|instead of"),
        (
            {META: b'{"name": "x", "points": 9, "lattice": {"origin": [0, 0, 0], "step": NaN}}'},
            "step",
        ),
        (
            {"segment.npy.zst": encode(scene(9), COMPACT, EDGE)["segment.npy.zst"][:-3]},
            "segment: ",
        ),
        (
            {META: b'{"name": "x", "points": 9, "lattice": {"origin": [0], "step": 1}}'},
            "lattice",
        ),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(change, reason):
    with pytest.raises(BadInput, match=reason):
        decode(encode(scene(9), COMPACT, EDGE) | change, COMPACT)


GOLDEN = {
    "color.npy.zst": "00cf9e6d3c00326496c8ffcc996633",
    "coord.npy.zst": (
        "00c89058206108b0590000a040e08000000102030907040200000f1f2e3e"  # x, y, z: low, then high
    ),
    "instance.npy.zst": "ffffffff08000000110000001a00000023000000",
    "normal.npy.zst": "7ffeb5ff007ffe36ff7f",
    "segment.npy.zst": "ffff0000010002000300",
    "strength.npy.zst": "000000340038003a003c",
}


def test_the_format_is_pinned_array_by_array():
    n = np.arange(5)
    before = Scene(
        name="g",
        coord=np.stack([n * 0.1, n * -0.3, n * 2.0], 1).astype(np.float32),
        segment=(n - 1).astype(np.int16),
        instance=(n * 9 - 1).astype(np.int32),
        color=np.stack([n, n * 50, 255 - n], 1).astype(np.uint8),
        normal=np.array([[0, 0, 1], [0, 0, -1], [0.6, -0.8, 0], [0, 0, 0], [-1, 0, 0]], np.float32),
        strength=(n / 4).astype(np.float32),
    )

    members = encode(before, COMPACT, EDGE)

    assert json.loads(members.pop(META)) == {
        "format": 1,
        "name": "g",
        "points": 5,
        "lattice": {"origin": [0.0, -1.2005000000000001, 0.0], "planes": 2, "step": 0.0005},
    }
    inflate = zstandard.ZstdDecompressor().decompress
    arrays = {name: np.load(io.BytesIO(inflate(content))) for name, content in members.items()}
    assert {name: one.tobytes().hex() for name, one in arrays.items()} == GOLDEN
