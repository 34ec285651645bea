"""``validate --full`` finds each thing that is planted, and what it excludes is gone."""

import hashlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from ppt_dist.section import BadInput
from ppt_dist.shard.exclude import exclude
from ppt_dist.shard.exclusions import read_exclusions
from ppt_dist.shard.form import COMPACT
from ppt_dist.shard.laws import Looked, headers
from ppt_dist.shard.look import FULL, QUICK
from ppt_dist.shard.manifest import Compact, read_manifest
from ppt_dist.shard.member import members_of
from ppt_dist.shard.pack import codecs_of
from ppt_dist.shard.records import Records
from ppt_dist.shard.rounding import Rounding
from ppt_dist.shard.spread import here, processes
from ppt_dist.shard.validate import validate
from tests.packing import pack_domain
from tests.shard.planted import changed, make, record, scene


def found(folder, depth=FULL):
    return [tuple(fault) for fault in validate(folder, lambda *_: None, here, depth)]


def sound(*names, start=0):
    return [record(scene(name, start + seed)) for seed, name in enumerate(names)]


def beside(bad):
    """A sound domain with one more record in training."""
    return {"train": [[*sound("a", "b"), bad]], "val": [sound("v", "w", start=10)]}


def test_domains_as_packed_have_no_fault(packed, raw, tmp_path):
    pack_domain("s3dis", raw, tmp_path, codecs=codecs_of(("compact", "val=compact")))
    make(tmp_path / "planted", beside(sound("c", start=5)[0]))

    assert found(packed / "scannet") == []
    assert found(packed / "s3dis") == []
    assert found(tmp_path / "s3dis") == []
    assert found(tmp_path / "planted") == []


def spoilt(name, content):
    """A record with one member's content replaced, or one more member."""
    one = record(scene("x", 7))
    members = dict(one.members) | {f"x.{name}": content}
    return one._replace(members=sorted(members.items()))


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


UNIT = np.array([1, 0, 0], np.float32)
PLANTED = {
    "not a number": (changed("x", 7, "coord", np.nan), "coord is not finite everywhere"),
    "infinite": (changed("x", 7, "strength", np.inf), "strength is not finite everywhere"),
    "label": (changed("x", 7, "segment", 4), "segments from -1 to 4, but the recipe has 4"),
    "instance": (changed("x", 7, "instance", -3), "an instance is -3"),
    "strength": (changed("x", 7, "strength", 1.5), "strength from"),
    "length": (changed("x", 7, "normal", UNIT * 1.1), "3 normals are not of unit length"),
    "no normal": (changed("x", 7, "normal", 0, slice(0, 40)), "40 of 60 points have no normal"),
    "far": (
        record(replace(scene("x", 7), coord=scene("x", 7).coord + np.float32(20_000))),
        "a point lies 20,003 m from",
    ),
    "narrow": (
        record(replace(scene("x", 7), coord=scene("x", 7).coord / np.float32(200))),
        "which is less than a voxel",
    ),
    "one place": (changed("x", 7, "coord", 1.0, slice(0, 40)), "39 of 60 points lie where another"),
    "cost": (record(scene("x", 7))._replace(cost=3), "but the index says 3"),
    "dtype": (spoilt("coord.npy", npy(np.zeros((60, 3)))), "coord: not an .npy array of <f4"),
    "width": (spoilt("color.npy", npy(np.zeros((60, 4), np.uint8))), "color: not an .npy array"),
    "field": (spoilt("depth.npy", npy(np.zeros(60))), "member depth.npy is no field"),
    "meta": (spoilt("meta.json", b"{"), "meta.json: not JSON"),
    "order": (
        record(scene("x", 7))._replace(members=record(scene("x", 7)).members[::-1]),
        "its members are not sorted by name",
    ),
    "twin": (
        record(replace(scene("a", 0), name="x")),
        "is the same scan as a of split train",
    ),
    "leak": (
        record(replace(scene("v", 10), name="x")),
        "is the same scan as v of split val",
    ),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_fault_is_found_and_shard_and_key_named(tmp_path, what):
    bad, reason = PLANTED[what]
    make(tmp_path, beside(bad))

    (fault,) = found(tmp_path)

    assert fault[:2] == ("train-000000.tar", "x")
    assert reason in fault[2]


def test_a_scene_too_wide_for_its_voxels_is_found(tmp_path):
    make(tmp_path, beside(changed("x", 7, "coord", (4.5e5, 5.6e6, 0))))

    far, cost = found(tmp_path)

    assert "5,600,000 m from the origin" in far[2]
    assert "its cost cannot be counted: a scan of" in cost[2]


def test_a_leak_is_found_through_another_codec_and_order(raw, tmp_path):
    pack_domain("s3dis", raw, tmp_path / "one", codecs=codecs_of(("compact",)))
    pack_domain("s3dis", raw, tmp_path / "two")
    small, plain = (Records.open(tmp_path / name / "s3dis", "train") for name in ("one", "two"))
    records = {
        "train": [[record(replace(small[0], name="again", segment=small[0].segment % 4))]],
        "val": [[record(replace(plain[0], segment=plain[0].segment % 4))]],
    }
    make(tmp_path / "both", records)

    ((shard, key, reason),) = found(tmp_path / "both")

    assert (shard, key) == ("train-000000.tar", "again")
    assert reason == f"is the same scan as {plain.names[0]} of split val"


def test_a_key_in_two_shards_is_found_in_the_training_split(tmp_path):
    make(tmp_path, {"train": [sound("a"), sound("w", start=4)], "val": [sound("w", start=9)]})

    assert found(tmp_path) == [
        ("train-000001.tar", "w", "its key stands in val-000000.tar, too"),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [("mtime", 1), ("uid", 1000), ("gid", 5), ("uname", "me"), ("mode", 0o600)],
)
def test_headers_with_owner_time_or_mode_are_found(tmp_path, name, value):
    def header(info):
        info.mode = 0o644
        setattr(info, name, value)

    make(tmp_path, {"train": [sound("a")]}, header)

    faults = found(tmp_path)
    assert [fault[1] for fault in faults] == ["a"] * 7
    assert faults[0][2] == (
        "the header of a.color.npy is not USTAR with mode 0644, no owner and time 0"
    )


def test_members_of_two_records_that_are_not_adjacent_are_found(tmp_path):
    a, b = sound("a", "b")
    mixed = [a._replace(members=a.members[:3] + b.members[:1]), b._replace(members=a.members[3:])]
    make(tmp_path, {"train": [mixed]})

    assert [fault[1:] for fault in found(tmp_path)] == [
        ("a", "unexpected member 'b.color.npy' in the record of a"),
        ("b", "unexpected member 'a.meta.json' in the record of b"),
    ]


@pytest.mark.parametrize("tail", [b"\0" * 512, b"\0" * 20480, b"x" * 10240, b"x"])
def test_bytes_behind_the_end_of_a_tar_are_found(tmp_path, tail):
    make(tmp_path, {"train": [sound("a")]}, tail=tail)

    assert [fault[:2] for fault in found(tmp_path)] == [("train-000000.tar", "end of archive")]


def test_bytes_between_a_member_and_the_next_are_found(tmp_path):
    manifest = make(tmp_path, {"train": [sound("a")]})
    records = Records.open(tmp_path, "train")
    content = memoryview(bytearray(records.read(0)))
    content[-1] = 1
    members = members_of(content, "a")
    looked = Looked(
        records._split.records[0].entry, content, members, records[0], manifest, "train"
    )

    assert list(headers(looked)) == ["a.strength.npy is not padded with zeros"]


def test_files_that_the_manifest_does_not_name_are_found(tmp_path):
    make(tmp_path, {"train": [sound("a")]})
    (tmp_path / "train-000007.tar").touch()
    (tmp_path / "old.idx").touch()

    assert [fault[0] for fault in found(tmp_path)] == ["old.idx", "train-000007.tar"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("points_by_class", [1, 2, 3, 4]), ("unlabelled", 99), ("points", 7), ("scenes", 5)],
)
def test_counts_are_counted_again_whatever_the_laws_say(tmp_path, key, value):
    make(tmp_path, beside(PLANTED["length"][0]))
    table = json.loads((tmp_path / "manifest.json").read_text())
    table["splits"]["train"][key] = value
    (tmp_path / "manifest.json").write_text(json.dumps(table))

    reasons = [reason for _, _, reason in found(tmp_path)]

    assert len(reasons) == 2
    assert reasons[1].startswith(f"split train: {key} is {value}, the records have")


@pytest.mark.parametrize(
    ("step", "bound", "reason"),
    [
        (0.0005, 0.0001, "coord can be off by 0.00025"),
        (0.0007, 0.001, "its steps of 0.0007 m are not voxels of 0.02 m by 40 or 20"),
    ],
)
def test_a_compact_record_outside_the_errors_of_the_manifest_is_found(
    tmp_path, step, bound, reason
):
    one = record(scene("a", 0), COMPACT)
    members = dict(one.members)
    members["a.meta.json"] = members["a.meta.json"].replace(b"0.0005", str(step).encode())
    compact = Compact(fields=COMPACT, order="source", rounding=Rounding(coord_bound=bound))
    make(tmp_path, {"val": [[one._replace(members=list(members.items()))]]}, compact=compact)

    reasons = [fault[2] for fault in found(tmp_path)]

    assert any(reason in told for told in reasons)


def test_without_full_only_bytes_schema_labels_and_counts_are_looked_at(tmp_path):
    make(tmp_path, beside(PLANTED["length"][0]))

    assert found(tmp_path, QUICK) == []


def test_what_is_excluded_is_neither_read_nor_counted_nor_a_fault_any_more(tmp_path):
    make(tmp_path, beside(PLANTED["leak"][0]))
    before = read_manifest(tmp_path)
    tar = (tmp_path / "train-000000.tar").read_bytes()

    left = exclude(tmp_path, validate(tmp_path, lambda *_: None, here, FULL), lambda *_: None)

    after, records = read_manifest(tmp_path), Records.open(tmp_path, "train")
    assert left == []
    assert found(tmp_path) == []
    assert after.digest() != before.digest()
    assert after.splits["val"] == before.splits["val"]
    assert records.names == ("a", "b")
    assert after.splits["train"].scenes == len(records) == 2
    assert after.splits["train"].points == 120
    assert after.splits["train"].excluded == {"train-000000.tar": ("x",)}
    assert (tmp_path / "train-000000.tar").read_bytes() == tar
    table = json.loads((tmp_path / "exclusions.json").read_text())
    assert (table["domain"], table["judged"]) == ("planted", before.digest())
    assert table["made"] == after.digest()
    assert table["excluded"] == [
        {
            "split": "train",
            "shard": "train-000000.tar",
            "key": "x",
            "reason": "is the same scan as v of split val",
        }
    ]


def test_a_damaged_record_can_be_excluded_and_other_damage_is_still_found(tmp_path):
    make(tmp_path, beside(sound("c", start=5)[0]))
    records = Records.open(tmp_path, "train")
    tar = tmp_path / "train-000000.tar"
    content = bytearray(tar.read_bytes())
    content[records._split.records[1].entry.offset + 700] ^= 1
    tar.write_bytes(content)

    left = exclude(tmp_path, validate(tmp_path, lambda *_: None), lambda *_: None)

    assert left == []
    assert found(tmp_path) == []
    assert Records.open(tmp_path, "train").names == ("a", "c")
    content[-1] ^= 1
    tar.write_bytes(content)
    assert [fault[:2] for fault in found(tmp_path)] == [("train-000000.tar", "end of archive")]


def test_exclusions_add_up_and_faults_outside_scenes_remain(tmp_path):
    make(tmp_path, beside(PLANTED["length"][0]))
    exclude(tmp_path, validate(tmp_path, lambda *_: None, here, FULL), lambda *_: None)
    (tmp_path / "train-000007.tar").touch()
    tar = tmp_path / "val-000000.tar"
    content = bytearray(tar.read_bytes())
    content[700] ^= 1
    tar.write_bytes(content)

    left = exclude(tmp_path, validate(tmp_path, lambda *_: None, here, FULL), lambda *_: None)

    assert [fault.shard for fault in left] == ["train-000007.tar"]
    assert [scene.key for scene in read_exclusions(tmp_path)] == ["x", "v"]


def test_a_split_of_which_nothing_would_stay_is_not_excluded(tmp_path):
    make(tmp_path, {"train": [[PLANTED["length"][0]]], "val": [sound("v")]})
    before = (tmp_path / "manifest.json").read_bytes()

    with pytest.raises(BadInput, match="no scene of split train is without a fault"):
        exclude(tmp_path, validate(tmp_path, lambda *_: None, here, FULL), lambda *_: None)

    assert (tmp_path / "manifest.json").read_bytes() == before


def test_packing_again_keeps_exclusions_while_nothing_changed(raw, tmp_path):
    pack_domain("s3dis", raw, tmp_path)
    folder = tmp_path / "s3dis"
    tar = folder / "train-000000.tar"
    content = bytearray(tar.read_bytes())
    content[700] ^= 1
    tar.write_bytes(content)
    exclude(folder, validate(folder, lambda *_: None), lambda *_: None)
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()

    report = pack_domain("s3dis", raw, tmp_path)

    assert report.unchanged
    assert report.manifest.digest() == digest
    assert len(Records.open(folder, "train")) == 1


def test_processes_find_what_one_finds(tmp_path):
    make(tmp_path, beside(PLANTED["leak"][0]))

    faults = validate(tmp_path, lambda *_: None, processes(2), FULL)

    assert [tuple(fault) for fault in faults] == found(tmp_path)
