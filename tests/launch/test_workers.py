"""Groups of workers through Ray Train: told who they are, restarted when one is killed."""

import json
from functools import partial

import pytest
import torch
import torch.distributed as dist

from ppt_dist.launch.workers import alone
from tests.launch.conftest import drive
from tests.launch.driver import a_run


@pytest.fixture
def driven(cluster, tmp_path):
    return partial(drive, cluster, tmp_path)


@pytest.mark.ray
@pytest.mark.slow
def test_a_killed_rank_restarts_the_group_as_a_new_attempt_that_can_sum(driven, tmp_path):
    assert driven(2, 2, "killed_once") == ""
    folder = tmp_path / "toy"
    assert [json.loads((folder / f"sum-{i}").read_text()) for i in (0, 1)] == [[3, 1, 2]] * 2
    assert {path.name for path in folder.glob("*-of-*")} == {
        *("1-0-of-2", "1-1-of-2", "2-0-of-2", "2-1-of-2")
    }


@pytest.mark.ray
@pytest.mark.slow
def test_the_cause_that_a_rank_gives_comes_back_in_one_line(driven):
    said = driven(1, 0, "fails").splitlines()
    assert len(said) == 1
    assert said[0].startswith("RunFailed|rank 0: ArithmeticError: ")
    assert "no such number (logs: " in said[0]


@pytest.mark.ray
@pytest.mark.slow
def test_bad_input_that_a_rank_finds_is_not_tried_again(driven, tmp_path):
    assert driven(1, 3, "finds_bad_input") == "BadInput|a key is wrong\n"
    assert [path.name for path in (tmp_path / "toy" / "attempts").iterdir()] == ["1"]


def test_alone_the_work_is_rank_0_of_1_in_a_ready_group_and_leaves_none(tmp_path, monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.setenv(name, "")
    heard = []
    try:
        alone(
            a_run(tmp_path, 1),
            lambda _, ranks, attempt, _on_event: heard.append(
                (ranks.rank.index, ranks.rank.of, attempt, dist.get_world_size())
            ),
        )
    finally:
        torch.use_deterministic_algorithms(mode=False)
    assert heard == [(0, 1, 1, 1)]
    assert not dist.is_initialized()
