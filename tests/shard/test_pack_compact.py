"""Packing a split compactly: its own fields, order and errors, and nothing else of the domain."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from ppt_dist.scene.voxel import occupied_voxels
from ppt_dist.section import BadInput
from ppt_dist.shard.manifest import Compact, Manifest, read_manifest
from ppt_dist.shard.pack import codecs_of
from ppt_dist.shard.records import Records
from tests.packing import pack_domain

COMPACT = codecs_of(("compact",))


@pytest.fixture(scope="module")
def compact(raw, tmp_path_factory) -> Path:
    """S3DIS with its training split compact."""
    folder = tmp_path_factory.mktemp("compact")
    pack_domain("s3dis", raw, folder, codecs=COMPACT)
    return folder / "s3dis"


def kept(manifest: Manifest, split: str) -> Compact:
    """How a compact split is stored."""
    compact = manifest.splits[split].compact
    assert compact is not None
    return compact


def test_the_training_split_is_compact_and_the_other_keeps_its_bytes(packed, compact):
    plain, small = (read_manifest(folder) for folder in (packed / "s3dis", compact))

    assert plain.splits["val"] == small.splits["val"]
    assert plain.splits["train"].compact is None
    assert kept(small, "train").order == "morton"
    assert small.splits["train"].points_by_class == plain.splits["train"].points_by_class
    assert small.splits["train"].shards[0].size < plain.splits["train"].shards[0].size / 2
    assert small.digest() != plain.digest()


def test_a_plain_manifest_has_no_key_that_compact_ones_brought(packed):
    text = (packed / "s3dis/manifest.json").read_text()

    assert "compact" not in text
    assert "excluded" not in text
    assert read_manifest(packed / "s3dis").to_json() == text
    assert hashlib.sha256(text.encode()).hexdigest() == read_manifest(packed / "s3dis").digest()


def test_every_point_is_there_within_the_errors_of_the_manifest(packed, compact):
    exact, rounded = (Records.open(folder, "train") for folder in (packed / "s3dis", compact))
    told = kept(rounded.manifest, "train").rounding

    for i in range(len(exact)):
        a, b = exact[i], rounded[i]
        assert a.color is not None
        assert b.color is not None
        assert np.array_equal(np.sort(a.color, 0), np.sort(b.color, 0))
        apart = np.abs(np.sort(a.coord, 0) - np.sort(b.coord, 0)).max()
        assert apart <= told.coord_largest <= told.coord_bound < 0.00026
    assert told.points == exact.points.sum() == rounded.points.sum()
    assert told.normal_largest < 0.7
    assert told.color_largest == 0


def test_costs_are_those_of_the_points_that_are_read(compact):
    records = Records.open(compact, "train")

    assert [occupied_voxels(records[i].coord, 0.02) for i in range(2)] == records.cost.tolist()


def test_packing_again_with_the_same_codec_changes_nothing_and_another_packs_anew(raw, tmp_path):
    first = pack_domain("s3dis", raw, tmp_path, codecs=COMPACT)
    again = pack_domain("s3dis", raw, tmp_path, codecs=COMPACT, workers=2)
    third = pack_domain("s3dis", raw, tmp_path, codecs=codecs_of(("val=compact",)))

    assert (first.unchanged, again.unchanged, third.unchanged) == (False, True, False)
    assert third.manifest.splits["train"].compact is None
    assert kept(third.manifest, "val").order == "source"


def test_another_worker_or_a_split_alone_gives_the_same_bytes(raw, compact, tmp_path):
    pack_domain("s3dis", raw, tmp_path, codecs=COMPACT, splits=("train",))
    pack_domain("s3dis", raw, tmp_path, splits=("val",), workers=2)

    for path in compact.glob("[!.]*"):
        assert path.read_bytes() == (tmp_path / "s3dis" / path.name).read_bytes()


def test_an_unknown_codec_or_split_is_named(raw, tmp_path):
    with pytest.raises(BadInput, match="no codec 'compct': did you mean 'compact'"):
        codecs_of(("compct",))
    with pytest.raises(BadInput, match="no split 'vall': did you mean 'val'"):
        pack_domain("s3dis", raw, tmp_path, codecs=codecs_of(("vall=compact",)))


def test_a_manifest_comes_back_from_its_text(compact):
    text = (compact / "manifest.json").read_text()

    assert Manifest.model_validate_json(text).to_json() == text
