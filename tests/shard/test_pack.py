"""Packing: the same bytes whoever does it, whole or not at all, and readable by anyone."""

import io
import json
import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zstandard
from webdataset.compat import WebDataset

from ppt_dist.section import BadInput
from ppt_dist.shard.info import summary
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.shard.readers import s3dis
from ppt_dist.shard.records import Records
from ppt_dist.shard.validate import validate
from tests.packing import pack_domain


def files(folder: Path) -> dict[str, bytes]:
    names = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".inputs.json")
    return {str(p.relative_to(folder)): p.read_bytes() for p in names}


def test_any_number_of_workers_gives_the_same_bytes(raw, packed, tmp_path):
    pack_domain("s3dis", raw, tmp_path, workers=3)

    assert files(tmp_path / "s3dis") == files(packed / "s3dis")


def test_stock_webdataset_reads_the_tars(packed):
    def unpack(sample):
        inflate = zstandard.ZstdDecompressor().decompress
        return {k: inflate(v) if k.endswith(".zst") else v for k, v in sample.items()}

    for split in ("train", "val"):
        records = Records.open(packed / "scannet", split)
        tars = sorted(map(str, (packed / "scannet").glob(f"{split}-*.tar")))
        samples = [unpack(s) for s in WebDataset(tars, shardshuffle=False)]
        assert [s["__key__"] for s in samples] == list(records.names)
        for i, sample in enumerate(samples):
            coord = np.load(io.BytesIO(sample["coord.npy"]), allow_pickle=False)
            segment = np.load(io.BytesIO(sample["segment.npy.zst"]), allow_pickle=False)
            assert np.array_equal(coord, records[i].coord)
            assert np.array_equal(segment, records[i].segment)


def test_records_survive_a_trip_to_another_process(packed):
    records = Records.open(packed / "scannet", "train")
    first = records[0].coord

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        theirs = pool.apply(records.__getitem__, (0,))

    assert np.array_equal(theirs.coord, first)


def test_packing_again_says_that_all_is_done_and_changes_nothing(raw, packed, tmp_path):
    shutil.copytree(packed, tmp_path, dirs_exist_ok=True)
    before = files(tmp_path)

    report = pack_domain("scannet", raw, tmp_path)

    assert report.unchanged
    assert files(tmp_path) == before


@pytest.mark.parametrize("domain", ["scannet", "s3dis", "structured3d"])
@pytest.mark.parametrize("below", ["", "shards"])
def test_scans_can_be_packed_into_their_own_folder_or_below(raw, tmp_path, domain, below):
    shutil.copytree(raw / domain, tmp_path / domain)
    out = tmp_path / domain / below if below else tmp_path

    first, again = (pack_domain(domain, tmp_path, out) for _ in range(2))

    assert not first.unchanged
    assert again.unchanged


def test_a_changed_scan_is_packed_anew(raw, packed, tmp_path):
    shutil.copytree(raw / "s3dis", tmp_path / "raw")
    pack_domain("s3dis", tmp_path / "raw", tmp_path)
    changed = next((tmp_path / "raw").glob("Area_1/*/Annotations/wall_1.txt"))
    changed.write_bytes(changed.read_bytes() + b"1.0 1.0 1.0 9 9 9\n")

    report = pack_domain("s3dis", tmp_path / "raw", tmp_path)

    assert not report.unchanged
    before = read_manifest(packed / "s3dis").splits["train"].points
    assert report.manifest.splits["train"].points == before + 1


def test_a_split_packed_alone_leaves_the_others(raw, packed, tmp_path):
    pack_domain("s3dis", raw, tmp_path, splits=("val",))
    pack_domain("s3dis", raw, tmp_path, splits=("train",))

    assert files(tmp_path / "s3dis") == files(packed / "s3dis")


def test_scenes_that_are_not_there_are_counted_and_named(packed):
    split = read_manifest(packed / "scannet").splits["train"]

    assert split.scenes == 2
    assert len(split.absent) == 1199
    assert "scene0706_00" in split.absent


def test_a_pack_killed_anywhere_continues_to_the_same_bytes_and_leaves_nothing_torn(
    raw, packed, tmp_path
):
    program = (
        "from pathlib import Path\n"
        "from tests.packing import pack_domain\n"
        "if __name__ == '__main__':\n"
        f"    pack_domain('s3dis', Path({str(raw)!r}), Path({str(tmp_path)!r}), workers=2)"
    )
    for delay in (0.6, 1.0, 1.6):
        process = subprocess.Popen(
            [sys.executable, "-c", program], cwd=Path.cwd(), start_new_session=True
        )
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    pack_domain("s3dis", raw, tmp_path)

    assert files(tmp_path / "s3dis") == files(packed / "s3dis")


def test_a_broken_scan_is_named_and_no_shard_takes_its_place_until_it_is_mended(
    raw, packed, tmp_path
):
    shutil.copytree(raw / "scannet", tmp_path / "raw")
    mesh = next((tmp_path / "raw" / "scans").glob("scene0000_00/*_vh_clean_2.ply"))
    whole = mesh.read_bytes()
    mesh.write_bytes(whole[:5000])

    with pytest.raises(BadInput, match=r"scene0000_00: .*cut off"):
        pack_domain("scannet", tmp_path / "raw", tmp_path / "out")

    assert [path.name for path in (tmp_path / "out/scannet").iterdir()] == [".packing"]
    made = (tmp_path / "out/scannet/.packing/val-000000.tar").stat().st_ino
    mended = pack_domain("scannet", tmp_path / "raw", tmp_path / "out", skip_broken=True)
    assert (tmp_path / "out/scannet/val-000000.tar").stat().st_ino == made
    assert list(mended.broken) == ["scene0000_00"]
    mesh.write_bytes(whole)
    pack_domain("scannet", tmp_path / "raw", tmp_path / "out")
    assert files(tmp_path / "out/scannet") == files(packed / "scannet")


def test_a_disk_that_fails_while_a_scan_is_read_ends_the_packing_and_breaks_no_scan(
    raw, packed, tmp_path, monkeypatch
):
    def fails(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(s3dis, "read", fails)
        with pytest.raises(OSError, match="Input/output error"):
            pack_domain("s3dis", raw, tmp_path, skip_broken=True)

    pack_domain("s3dis", raw, tmp_path)
    assert files(tmp_path / "s3dis") == files(packed / "s3dis")


def test_a_broken_scan_can_be_left_out_and_is_remembered(raw, tmp_path):
    shutil.copytree(raw / "scannet", tmp_path / "raw")
    mesh = next((tmp_path / "raw" / "scans").glob("scene0000_00/*_vh_clean_2.ply"))
    mesh.write_bytes(b"\x80\x04pickle")

    report = pack_domain("scannet", tmp_path / "raw", tmp_path / "out", skip_broken=True)
    again = pack_domain("scannet", tmp_path / "raw", tmp_path / "out", skip_broken=True)

    assert list(report.broken) == ["scene0000_00"]
    assert again.unchanged
    assert again.broken == report.broken
    assert report.manifest.splits["train"].broken == ("scene0000_00",)
    assert report.manifest.splits["train"].scenes == 1
    with pytest.raises(BadInput, match="scene0000_00"):
        pack_domain("scannet", tmp_path / "raw", tmp_path / "out")


def test_an_empty_raw_folder_is_refused(tmp_path):
    with pytest.raises(BadInput, match="none of the scenes"):
        pack_domain("scannet", tmp_path, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_whole_domain_is_found_whole(packed):
    assert validate(packed / "scannet", lambda *_: None) == []
    assert validate(packed / "s3dis", lambda *_: None) == []


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.83, 0.97])
def test_a_flipped_byte_is_found_and_shard_and_key_named(packed, tmp_path, share):
    shutil.copytree(packed / "scannet", tmp_path, dirs_exist_ok=True)
    records = Records.open(tmp_path, "train")
    tar = tmp_path / "train-000000.tar"
    content = bytearray(tar.read_bytes())
    place = int(share * records._split.records[-1][1].offset + 700)
    content[place] ^= 1
    tar.write_bytes(content)
    key = next(e.key for _, e in records._split.records if e.offset <= place < e.offset + e.span)

    faults = validate(tmp_path, lambda *_: None)

    assert [(f.shard, f.key) for f in faults] == [("train-000000.tar", key)]
    with pytest.raises(BadInput, match=rf"train-000000\.tar, record {key}"):
        records[records.names.index(key)]


def test_a_flipped_byte_behind_the_last_record_is_found(packed, tmp_path):
    shutil.copytree(packed / "scannet", tmp_path, dirs_exist_ok=True)
    tar = tmp_path / "val-000000.tar"
    content = bytearray(tar.read_bytes())
    content[-3] ^= 1
    tar.write_bytes(content)

    assert [(f.shard, f.key) for f in validate(tmp_path, lambda *_: None)] == [
        ("val-000000.tar", "end of archive")
    ]


def test_a_manifest_that_does_not_match_its_tars_is_refused(packed, tmp_path):
    shutil.copytree(packed / "scannet", tmp_path, dirs_exist_ok=True)
    tar = tmp_path / "train-000000.tar"
    tar.write_bytes(tar.read_bytes()[:-512])

    with pytest.raises(BadInput, match=r"train-000000\.tar has \d+ bytes, but the manifest says"):
        Records.open(tmp_path, "train")
    tar.unlink()
    with pytest.raises(BadInput, match="is not there"):
        Records.open(tmp_path, "train")


def test_counts_that_the_records_do_not_bear_out_are_faults(packed, tmp_path):
    shutil.copytree(packed / "scannet", tmp_path, dirs_exist_ok=True)
    table = json.loads((tmp_path / "manifest.json").read_text())
    table["splits"]["val"]["points_by_class"][0] += 1
    (tmp_path / "manifest.json").write_text(json.dumps(table))

    (fault,) = validate(tmp_path, lambda *_: None)

    assert "split val: points_by_class" in fault.reason


@pytest.mark.parametrize("content", [pickle.dumps([1]), b"{", b"[]", b'{"format": 9}'])
def test_a_manifest_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content)

    with pytest.raises(BadInput, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_a_split_that_was_not_packed_is_named_with_the_known_ones(packed):
    with pytest.raises(BadInput, match="no split 'vall': did you mean 'val'"):
        Records.open(packed / "scannet", "vall")


def test_info_counts_points_by_class_name(packed):
    table = summary(packed / "s3dis")["splits"]["train"]

    assert sum(table["points_by_class"].values()) + table["unlabelled"] == table["points"]
    assert table["points_by_class"]["ceiling"] > 0
    assert table["scenes"] == 2


def test_costs_are_occupied_voxels_of_the_cost_grid(packed):
    records = Records.open(packed / "s3dis", "val")
    cells = {tuple(c) for c in np.floor(records[0].coord / np.float32(0.02)).astype(int).tolist()}

    assert records.cost.tolist() == [len(cells)]
