"""What a user gets wrong: exit code 2, its cause in words, nothing written; no pickle is run."""

import os
import pickle
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w
import torch
from typer.testing import CliRunner

from ppt_dist.cli import app, main
from tests.small_run import write_run_file


@pytest.fixture
def run_file(tmp_path, packed):
    """A run of two steps whose shards are the test's own."""
    shutil.copytree(packed, tmp_path / "packed")
    return write_run_file(tmp_path, tmp_path / "packed", "mine", 2, stage="plain", ranks=1)


@pytest.fixture
def trained(run_file):
    assert ppt_dist("train", run_file, "--local").returncode == 0
    return run_file.parent / "mine"


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    """What training in this process changes is put back."""
    group = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    for name in (*group, "CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")
    yield
    torch.use_deterministic_algorithms(mode=False)


def ppt_dist(*words):
    program = Path(sys.executable).with_name("ppt-dist")
    return subprocess.run(
        [program, *map(str, words)], capture_output=True, text=True, timeout=300, check=False
    )


def refusal(monkeypatch, capsys, *words):
    """The error of a command that ends with exit code 2."""
    monkeypatch.setattr(sys, "argv", ["ppt-dist", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    return capsys.readouterr().err


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def edit(run_file, change):
    table = tomllib.loads(run_file.read_text())
    change(table)
    run_file.write_text(tomli_w.dumps(table))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.update(stpes=3), "did you mean 'steps'"),
        (lambda t: t["domains"]["s3dis"].update(weight=-1), "domains.s3dis.weight"),
        (lambda t: t["domains"]["s3dis"].update(shards="/nowhere/s3dis"), "ppt-dist pack s3dis"),
        (lambda t: t["engine"].update(stage=4), "engine.stage"),
    ],
)
@pytest.mark.parametrize("command", [("train",), ("train", "--local"), ("plan",)])
def test_a_run_file_that_is_wrong_is_refused_before_anything_is_written(
    run_file, monkeypatch, capsys, change, told, command
):
    edit(run_file, change)
    before = files(run_file.parent)
    assert told in refusal(monkeypatch, capsys, *command, run_file)
    assert files(run_file.parent) == before


def test_more_ranks_than_scenes_of_a_micro_lot_are_refused(run_file, monkeypatch, capsys):
    before = files(run_file.parent)
    for command in ("train", "plan"):
        said = refusal(monkeypatch, capsys, command, run_file, "--ranks", 3)
        assert "use at most 2 ranks" in said
    assert files(run_file.parent) == before


def test_tars_that_are_not_the_manifests_are_refused_by_name(run_file, monkeypatch, capsys):
    (tar,) = (run_file.parent / "packed/s3dis").glob("train-*.tar")
    tar.write_bytes(tar.read_bytes() + bytes(512))
    before = files(run_file.parent)
    for command in ("train", "plan"):
        assert tar.name in refusal(monkeypatch, capsys, command, run_file)
    assert files(run_file.parent) == before


def test_validate_finds_a_flipped_byte_with_exit_code_1_and_names_shard_and_key(run_file):
    (tar,) = (run_file.parent / "packed/s3dis").glob("val-*.tar")
    content = bytearray(tar.read_bytes())
    content[5000] ^= 1
    tar.write_bytes(content)
    done = ppt_dist("validate", run_file.parent / "packed")
    assert done.returncode == 1
    assert f"{tar.name} Area_5-" in done.stdout
    assert "scannet: whole" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("pack", "scanet", "--raw", "."), "did you mean 'scannet'"),
        (("pack", "scannet", "--raw", "absent"), "absent"),
        (("validate", "absent"), "absent"),
        (("info", "absent"), "absent"),
        (("evaluate", "absent"), "absent is not a run's folder"),
        (("test", "absent"), "absent is not a run's folder"),
        (("train", "absent.toml"), "absent.toml: no such file"),
        (("plan", "absent.toml"), "absent.toml: no such file"),
        (("raw", "make", "--out", "raw", "--domain", "kitti"), "of scannet, s3dis, structured3d"),
        (("text", "--out", "t.st", "--recipe", "scanet"), "did you mean 'scannet'"),
    ],
)
def test_what_is_not_there_is_refused_with_the_nearest_or_the_way_to_make_it(
    words, told, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert told in refusal(monkeypatch, capsys, *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_finished_run_says_so_and_changes_nothing(trained):
    before = files(trained)
    done = ppt_dist("train", trained.parent / "mine.toml", "--local")
    assert done.returncode == 0
    assert "mine is trained to its last step, 2" in done.stdout
    changed = {path for path in before if path.is_file() and before[path] != files(trained)[path]}
    assert changed <= {trained / "run.toml"}


@pytest.mark.slow
def test_another_size_of_lots_under_the_same_name_is_refused(trained, monkeypatch, capsys):
    run_file = trained.parent / "mine.toml"
    edit(run_file, lambda t: t["lots"].update(scenes=3))
    before = files(trained)
    said = refusal(monkeypatch, capsys, "train", run_file, "--local")
    assert "lots.scenes was 2, is 3" in said
    assert files(trained) == before


class _Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.slow
def test_a_pickle_is_never_run_wherever_it_is_planted(trained, monkeypatch, capsys, tmp_path):
    """In place of each file that a command reads; most are refused, none is executed."""
    sprung = tmp_path / "sprung"
    trap = pickle.dumps(_Trap(sprung))
    run_file, packed, folder = trained.parent / "mine.toml", trained.parent / "packed", trained
    commands = (
        ("validate", packed),
        ("info", packed),
        ("plan", run_file),
        ("evaluate", folder),
        ("train", run_file, "--local"),
    )
    targets = [run_file, folder / "run.toml", folder / "data.json"]
    targets += sorted((packed / "s3dis").iterdir())
    targets += sorted((folder / "checkpoints").glob("*/*"))
    assert len(targets) > 10
    for target in targets:
        kept = target.read_bytes()
        target.write_bytes(trap)
        for words in commands:
            monkeypatch.setattr(sys, "argv", ["ppt-dist", *map(str, words)])
            with pytest.raises(SystemExit):
                main()
            capsys.readouterr()
            assert not sprung.exists(), (target, words)
        target.write_bytes(kept)


def test_ranks_that_a_private_cluster_has_no_cpu_for_are_refused(run_file, monkeypatch, capsys):
    edit(run_file, lambda t: t["lots"].update(scenes=8))
    before = files(run_file.parent)

    told = refusal(monkeypatch, capsys, "train", run_file, "--ranks", 5)

    assert "engine.ranks is 5, but cluster local has cpus = 4" in told
    assert files(run_file.parent) == before


@pytest.mark.parametrize("words", [["pack", "scannet", "--raw", "."], ["import", "pointcept", "."]])
def test_shards_are_written_into_folders_alone(words):
    more = ["--recipe", "scannet"] if words[0] == "import" else []
    result = CliRunner().invoke(app, [*words, *more, "--out", "s3://bucket/packed"])
    assert result.exit_code == 2
    assert "is a URL" in result.output
