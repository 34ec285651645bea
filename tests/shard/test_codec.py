"""What a record holds comes back, and what it must not hold is refused."""

import io
import json
import pickle

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput
from ppt_dist.shard.codec import META, decode
from ppt_dist.shard.codec import encode as encode_at
from ppt_dist.shard.form import PLAIN as FIELDS
from ppt_dist.shard.form import fields_of


def encode(scene, fields):
    return encode_at(scene, fields, 0.02)


def scene(
    points: int, *, color: bool = True, normal: bool = True, strength: bool = False, seed: int = 0
) -> Scene:
    rng = np.random.default_rng(seed)
    return Scene(
        name="room-1",
        coord=rng.normal(size=(points, 3)).astype(np.float32),
        segment=rng.integers(-1, 20, points).astype(np.int16),
        instance=rng.integers(-1, 9, points).astype(np.int32),
        color=rng.integers(0, 256, (points, 3)).astype(np.uint8) if color else None,
        normal=rng.normal(size=(points, 3)).astype(np.float32) if normal else None,
        strength=rng.random(points).astype(np.float32) if strength else None,
    )


def equal(a: Scene, b: Scene) -> bool:
    names = ("coord", "segment", "instance", "color", "normal", "strength")
    pairs = [(getattr(a, name), getattr(b, name)) for name in names]
    return a.name == b.name and all(
        x is y is None or (x.dtype == y.dtype and np.array_equal(x, y)) for x, y in pairs
    )


CHOICES = st.fixed_dictionaries({c: st.booleans() for c in ("color", "normal", "strength")})


@given(st.integers(0, 50), CHOICES, st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_a_scene_comes_back_to_the_bit_with_the_channels_it_had(points, channels, seed):
    before = scene(points, seed=seed, **channels)

    assert equal(decode(encode(before, FIELDS), FIELDS), before)


def test_the_same_scene_gives_the_same_bytes():
    assert encode(scene(30), FIELDS) == encode(scene(30), FIELDS)


def test_members_are_standard_npy_files_some_inside_zstd():
    members = encode(scene(7), FIELDS)

    coord = np.load(io.BytesIO(members["coord.npy"]), allow_pickle=False)
    inner = zstandard.ZstdDecompressor().decompress(members["segment.npy.zst"])
    assert coord.tolist() == scene(7).coord.tolist()
    assert np.load(io.BytesIO(inner), allow_pickle=False).tolist() == scene(7).segment.tolist()
    assert json.loads(members[META]) == {"format": 1, "name": "room-1", "points": 7}


def test_arrays_can_be_written_to():
    after = decode(encode(scene(3), FIELDS), FIELDS)

    after.coord[0] = 1.0

    assert after.coord[0].tolist() == [1, 1, 1]


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_inside_an_array_is_refused_and_not_run(tmp_path):
    members = encode(scene(3), FIELDS)
    buffer = io.BytesIO()
    np.save(buffer, np.array([Hostile(tmp_path / "run")] * 3, dtype=object), allow_pickle=True)

    for content in (buffer.getvalue(), pickle.dumps(Hostile(tmp_path / "run"))):
        with pytest.raises(BadInput, match="coord"):
            decode(members | {"coord.npy": content}, FIELDS)
        with pytest.raises(BadInput, match="JSON"):
            decode(members | {META: content}, FIELDS)

    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"coord.npy": encode(scene(4), FIELDS)["coord.npy"]}, "as the manifest says"),
        ({"coord.npy": encode(scene(3), FIELDS)["coord.npy"][:-1]}, "bytes of data"),
        ({"segment.npy.zst": b"not zstd"}, "not zstd"),
        ({META: b'{"format": 2, "name": "x", "points": 3}'}, "format"),
        ({META: b'{"format": 1, "name": "x", "points": -3}'}, "points"),
        ({META: b"[]"}, "object"),
        ({META: b"\xff"}, "JSON"),
    ],
)
def test_a_member_that_is_not_what_the_manifest_says_is_refused(change, reason):
    with pytest.raises(BadInput, match=reason):
        decode(encode(scene(3), FIELDS) | change, FIELDS)


def test_a_record_without_coordinates_is_refused():
    members = encode(scene(3), FIELDS)
    del members["coord.npy"]

    with pytest.raises(BadInput, match="lacks coord"):
        decode(members, FIELDS)


def test_a_zstd_bomb_is_not_inflated():
    bomb = zstandard.ZstdCompressor().compress(b"\0" * 100_000_000)

    with pytest.raises(BadInput, match="segment"):
        decode(encode(scene(3), FIELDS) | {"segment.npy.zst": bomb}, FIELDS)


def test_a_domain_has_the_fields_of_its_channels_and_no_other():
    assert list(fields_of(("color", "normal"))) == [
        "coord", "color", "normal", "segment", "instance"
    ]  # fmt: skip
    assert list(fields_of(("strength",))) == ["coord", "segment", "instance", "strength"]
    members = encode(scene(5, strength=True), fields_of(("strength",)))
    strength = np.load(io.BytesIO(members["strength.npy"]), allow_pickle=False)
    assert (strength.dtype.str, strength.shape) == ("<f4", (5,))
    assert decode(members, fields_of(("strength",))).color is None
