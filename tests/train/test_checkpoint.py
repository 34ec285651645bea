import hashlib
import json
import os
import pickle
import subprocess
import sys

import pytest
import torch

from ppt_dist.section import BadInput
from ppt_dist.train.checkpoint import CheckpointFacts, CheckpointStore
from ppt_dist.train.state import EngineState
from tests.model.domains import label_set

FACTS = CheckpointFacts(
    order=1,
    ledger="none",
    what={"steps": 10},
    manifests={"scannet": "abc"},
    labels={"scannet": label_set("wall", "floor")},
    attempt=2,
)


def state(value, size=5):
    tensors = {
        "weight/a": torch.full((size, 2), float(value)).t(),
        "buffer/running/mean": torch.arange(3, dtype=torch.float64) + value,
        "buffer/count": torch.tensor(value),
    }
    return EngineState(tensors, {"shared*1": value})


def store(folder, keep=2, faults=None):
    return CheckpointStore(folder, keep, (faults if faults is not None else []).append)


def test_a_checkpoint_returns_every_tensor_count_and_fact(tmp_path):
    store(tmp_path).save(7, state(3), FACTS)

    found = store(tmp_path).newest()

    assert found is not None
    assert (found.name, found.step, found.facts) == ("step-00000007", 7, FACTS)
    assert found.state.counts == {"shared*1": 3}
    assert found.state.tensors.keys() == state(3).tensors.keys()
    for name, tensor in state(3).tensors.items():
        assert found.state.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.state.tensors[name], tensor)


def test_the_same_state_has_the_same_digest_and_another_state_another(tmp_path):
    digests = []
    for i, value in enumerate((3, 3, 4)):
        store(tmp_path / str(i)).save(7, state(value), FACTS)
        digests.append(store(tmp_path / str(i)).load("step-00000007").digest)

    assert digests[0] == digests[1] != digests[2]


def test_an_empty_run_has_no_newest(tmp_path):
    assert store(tmp_path).newest() is None


def test_the_newest_ones_stay_and_leftovers_without_commit_go(tmp_path):
    leftover = tmp_path / "checkpoints" / "step-00000001"
    leftover.mkdir(parents=True)
    (leftover / "tensors.safetensors").write_bytes(b"half")
    (tmp_path / "checkpoints" / "notes").mkdir()

    for step in (2, 3, 4):
        store(tmp_path, keep=2).save(step, state(step), FACTS)

    found = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert found == ["notes", "step-00000003", "step-00000004"]


def test_files_of_a_checkpoint_and_their_format_are_these(tmp_path):
    store(tmp_path).save(2, state(1), FACTS)

    folder = tmp_path / "checkpoints" / "step-00000002"
    commit = json.loads((folder / "COMMIT.json").read_text())
    inner = json.loads((folder / "state.json").read_text())

    assert sorted(path.name for path in folder.iterdir()) == [
        "COMMIT.json",
        "state.json",
        "tensors.safetensors",
    ]
    assert (commit["format"], commit["attempt"]) == (1, 2)
    assert commit["files"]["state.json"]["size"] == (folder / "state.json").stat().st_size
    assert (inner["format"], inner["step"], inner["counts"]) == (1, 2, {"shared*1": 1})
    assert inner["facts"] == FACTS.model_dump(mode="json")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def hostile(path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(path.parent / "unpickled"),)

    path.write_bytes(pickle.dumps(Bomb()))


DAMAGES = {
    "absent": lambda path: path.unlink(),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-10]),
    "flipped": flip,
    "pickle": hostile,
    "folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("file", ["tensors.safetensors", "state.json", "COMMIT.json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_is_named_and_the_previous_one_is_used(tmp_path, file, damage):
    for step in (1, 2):
        store(tmp_path).save(step, state(step), FACTS)
    path = tmp_path / "checkpoints" / "step-00000002" / file
    DAMAGES[damage](path)
    faults = []

    found = store(tmp_path, faults=faults).newest()

    assert found is not None
    assert found.step == 1
    gone = file == "COMMIT.json" and damage == "absent"
    assert [str(path) in fault for fault in faults] == ([] if gone else [True])
    with pytest.raises(BadInput, match="step-00000002"):
        store(tmp_path).load("step-00000002")
    assert not (path.parent / "unpickled").exists()


def test_a_pickle_with_the_right_hash_is_refused_all_the_same(tmp_path):
    store(tmp_path).save(1, state(1), FACTS)
    folder = tmp_path / "checkpoints" / "step-00000001"
    hostile(folder / "tensors.safetensors")
    commit = json.loads((folder / "COMMIT.json").read_text())
    content = (folder / "tensors.safetensors").read_bytes()
    commit["files"]["tensors.safetensors"] = {
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    (folder / "COMMIT.json").write_text(json.dumps(commit))

    with pytest.raises(BadInput, match="not safetensors"):
        store(tmp_path).load("step-00000001")
    assert not (folder / "unpickled").exists()


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    store(tmp_path).save(12, state(1), FACTS)

    with pytest.raises(BadInput, match=r"no checkpoint 'step-12'.*known: step-00000012"):
        store(tmp_path).load("step-12")


def test_saving_below_a_damaged_step_removes_it_and_counts_none_of_it(tmp_path):
    for step in (1, 2, 4):
        store(tmp_path).save(step, state(step), FACTS)
    flip(tmp_path / "checkpoints" / "step-00000004" / "tensors.safetensors")

    store(tmp_path, keep=1).save(3, state(3), FACTS)

    assert store(tmp_path).names() == ["step-00000003"]


def test_a_damaged_step_that_is_reached_again_is_written_anew(tmp_path):
    for step in (1, 2):
        store(tmp_path).save(step, state(step), FACTS)
    flip(tmp_path / "checkpoints" / "step-00000002" / "tensors.safetensors")

    store(tmp_path).save(2, state(9), FACTS)

    assert store(tmp_path).load("step-00000002").state.counts == {"shared*1": 9}


KILLER = """
import os, random, signal, sys, time, torch
from pathlib import Path
from ppt_dist.train.checkpoint import CheckpointFacts, CheckpointStore
from ppt_dist.train.state import EngineState
from tests.model.domains import label_set

faults = []
store = CheckpointStore(Path(sys.argv[1]), 2, faults.append)
facts = CheckpointFacts(order=1, ledger="", what={}, manifests={}, attempt=1)


def save_for_ever(step, said):
    while True:
        step += 1
        tensors = {f"weight/{i}": torch.full((20000,), float(step)) for i in range(8)}
        store.save(step, EngineState(tensors, {"shared": step}), facts)
        os.write(said, f"{step} ".encode())


dice, step = random.Random(1), 0
for _ in range(20):
    hears, said = os.pipe()
    child = os.fork()
    if child == 0:
        save_for_ever(step, said)
    os.close(said)
    words = os.read(hears, 100)
    time.sleep(dice.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    words += b"".join(iter(lambda: os.read(hears, 1000), b""))
    os.close(hears)
    found = store.newest()
    step = found.step
    whole = all(bool((t == step).all()) for t in found.state.tensors.values())
    print(int(words.split()[-1]), step, whole, len(faults), flush=True)
"""


@pytest.mark.slow
def test_a_writer_killed_at_any_instant_leaves_the_last_reported_checkpoint_or_a_newer(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", KILLER, str(tmp_path)]

    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    rounds = [line.split() for line in output.splitlines()]
    assert len(rounds) == 20
    for reported, found, whole, faults in rounds:
        assert int(reported) <= int(found) <= int(reported) + 1
        assert (whole, faults) == ("True", "0")
