"""Benchmarks run to their end at their smallest size; how fast they are is no test's business."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measure import Comparison, Taken, interleaved

ROOT = Path(__file__).parents[1]


def test_every_trial_comes_once_a_round_and_each_round_begins_with_another():
    order = []
    trials = {name: lambda name=name: Taken(order.append(name) or len(order)) for name in "abc"}

    taken = interleaved(trials, rounds=3, warm=1)

    assert "".join(order) == "abc bca cab abc".replace(" ", "")
    when = {name: [took.wall for took in each] for name, each in taken.items()}
    assert when == {"a": [6, 8, 10], "b": [4, 9, 11], "c": [5, 7, 12]}


def test_a_ratio_is_taken_within_a_round_and_not_between_medians():
    seconds = {"plain": (1.0, 10.0, 4.0), "ours": (2.0, 20.0, 2.0)}
    rounds = {way: [Taken(wall, cpu=2 * wall) for wall in each] for way, each in seconds.items()}

    row = Comparison("made up", "s", lambda s: s, "plain", rounds).rows()["ours"]

    assert (row["median"], row["lowest"], row["highest"]) == (2.0, 2.0, 20.0)
    assert (row["ratio"], row["ratio_lowest"], row["ratio_highest"]) == (2.0, 0.5, 2.0)
    assert row["difference"] == 1.0
    assert (row["cpu"], row["cpu_ratio"]) == (4.0, 2.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["pack", "decode", "codecs", "order", "loader", "stores", "training", "overhead"],
)
def test_a_benchmark_writes_each_figure_beside_its_baseline(name, tmp_path):
    path = tmp_path / "bench" / f"{name}.json"
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick", "--json", path]

    subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True)

    comparisons = json.loads(path.read_text())["comparisons"]
    assert comparisons
    for comparison in comparisons:
        ways = comparison["ways"]
        assert len(ways) > 1
        assert ways[comparison["baseline"]]["ratio"] == 1
        for row in ways.values():
            assert row["median"] > 0
            assert row["ratio"] > 0
            assert all(figure > 0 for figure in row["rounds"])


@pytest.mark.slow
def test_the_memory_of_a_long_stream_is_told_for_the_rank_and_its_fetcher(tmp_path):
    path = tmp_path / "data_plane.json"
    command = [sys.executable, "-m", "benchmarks.data_plane", "--quick", "--only", "memory"]

    subprocess.run([*command, "--json", path], cwd=ROOT, check=True)

    found = json.loads(path.read_text())["memory"]
    assert found["most"].keys() == {
        f"{who}, {what}" for who in ("rank", "fetcher") for what in ("MiB", "open files")
    }
