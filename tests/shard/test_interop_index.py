"""DALI's and Energon's indices, read by what their formats are described as."""

import shutil
import struct
import tarfile

import pytest
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.section import BadInput
from ppt_dist.shard.exclusions import Exclusion, excluding
from ppt_dist.shard.foreign import write_foreign
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.shard.member import members_of
from ppt_dist.shard.records import Records
from ppt_dist.shard.validate import validate
from tests.packing import pack_domain


@pytest.fixture
def domain(packed, tmp_path):
    shutil.copytree(packed / "scannet", tmp_path / "scannet")
    return tmp_path / "scannet"


def parse_dali(text: str) -> list[list[tuple[str, int, int, str]]]:
    """Version and number of samples; a line a sample of suffix, offset, size and name."""
    head, *lines = text.split("\n")
    version, count = head.split(" ")
    assert version == "v1.2"
    assert lines.pop() == ""
    assert len(lines) == int(count) > 0
    samples = []
    for line in lines:
        words = line.split(" ")
        assert len(words) % 4 == 0
        parts = [words[i : i + 4] for i in range(0, len(words), 4)]
        samples.append([(ext, int(offset), int(size), name) for ext, offset, size, name in parts])
    return samples


def test_dalis_index_leads_to_every_member_of_every_record(domain):
    result = CliRunner().invoke(app, ["index", str(domain), "--format", "dali"])

    assert result.exit_code == 0, result.output
    for split in ("train", "val"):
        tar = (domain / f"{split}-000000.tar").read_bytes()
        samples = parse_dali((domain / f"{split}-000000.dali.idx").read_text("ascii"))
        records = Records.open(domain, split)
        assert len(samples) == len(records)
        for i, sample in enumerate(samples):
            assert all(offset % 512 == 0 for _, offset, _, _ in sample)
            assert {name for _, _, _, name in sample} == {
                f"{records.names[i]}.{ext}" for ext, _, _, _ in sample
            }
            found = {ext: tar[offset : offset + size] for ext, offset, size, _ in sample}
            assert found == members_of(records.read(i), records.names[i])


def test_energons_index_leads_to_every_record_and_to_the_end_of_the_last(domain):
    write_foreign(domain, "energon")

    content = (domain / "train-000000.tar.idx").read_bytes()
    offsets = struct.unpack(f"<{len(content) // 8}Q", content)
    with tarfile.open(domain / "train-000000.tar") as tar:
        first: dict[str, int] = {}
        for member in tar:
            first.setdefault(member.name.partition(".")[0], member.offset)
        assert offsets == (*first.values(), tar.offset)
    assert tuple(first) == Records.open(domain, "train").names


def test_excluded_scenes_are_in_no_index_and_refused_where_that_cannot_be(domain):
    first, second = Records.open(domain, "train").names
    manifest = read_manifest(domain)

    def exclude(key: str) -> None:
        out = Exclusion(split="train", shard="train-000000.tar", key=key, reason="unfit")
        (domain / "manifest.json").write_text(excluding(manifest, [out]).to_json())

    for key, other in ((first, second), (second, first)):
        exclude(key)
        write_foreign(domain, "dali")
        (sample,) = parse_dali((domain / "train-000000.dali.idx").read_text("ascii"))
        assert sample[0][3].startswith(other)

    write_foreign(domain, "energon")  # without the last one
    exclude(first)
    with pytest.raises(BadInput, match=r"train-000000\.tar: Energon's index cannot leave out"):
        write_foreign(domain, "energon")


def test_our_own_files_stay_as_they_are_and_packing_again_removes_what_is_stale(
    domain, raw, tmp_path
):
    before = {p.name: p.read_bytes() for p in domain.iterdir()}
    for name in ("dali", "energon"):
        write_foreign(domain, name)
    assert {p.name: p.read_bytes() for p in domain.iterdir() if p.name in before} == before
    assert validate(domain, lambda *_: None) == []

    shutil.copytree(raw / "scannet", tmp_path / "raw")
    changed = next((tmp_path / "raw").rglob("*.aggregation.json"))
    changed.write_bytes(changed.read_bytes() + b" ")
    pack_domain("scannet", tmp_path / "raw", tmp_path)
    assert {path.name for path in domain.iterdir()} == before.keys()
    assert read_manifest(domain).splits.keys() == {"train", "val", "test"}


def test_a_tar_that_is_not_as_its_index_says_and_an_unknown_format_are_refused(domain):
    with pytest.raises(BadInput, match="no format 'dalli': did you mean 'dali'"):
        write_foreign(domain, "dalli")
    tar = domain / "train-000000.tar"
    content = tar.read_bytes()
    for wrong in (content[1024:], content[:600], b"\0" * len(content), content[:512] * 20):
        tar.write_bytes(wrong)
        with pytest.raises(BadInput, match=r"train-000000\.tar.*ppt-dist validate"):
            write_foreign(domain, "dali")
    tar.unlink()
    with pytest.raises(BadInput, match=r"train-000000\.tar.*No such file"):
        write_foreign(domain, "energon")
    assert not list(domain.glob("*.dali.idx"))
