"""The audit: what a run read, scene by scene, from what its ranks wrote down."""

import json
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from ppt_dist.journal.journal import read_events
from ppt_dist.run import load_run
from ppt_dist.section import BadInput
from ppt_dist.shard.records import Records
from ppt_dist.stream.era import steady
from ppt_dist.stream.plan import LotShape, Plan, assign
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.read import fingerprint
from ppt_dist.train.folder import STOP, claim
from ppt_dist.train.ledger import gather
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.session import run_training
from ppt_dist.view.audit import Book, audit, audit_run, lineage
from tests.damage import copy_damaged
from tests.small_run import write_run_file
from tests.swap import swapped

PROGRAM = Path(sys.executable).with_name("ppt-dist")


def quiet(done, of):
    """No bar."""


def train_here(folder, packed, steps, **engine):
    """A run in this process; its folder."""
    how = {"stage": "plain", "ranks": 1, "fetchers": 0}
    run = load_run(write_run_file(folder, packed, "mine", steps, **how | engine))
    claim(run)
    run_training(run, Ranks(Rank(0, 1)), 1, lambda _: None)
    return run.folder


@pytest.mark.slow
def test_a_sound_run_is_clean_and_says_what_it_covered(trained):
    found = audit_run(trained, quiet)
    assert found.clean
    assert found.steps == 6
    assert found.reads == 12
    assert all(part.once == part.scenes for part in found.coverage if part.complete)
    assert any(part.complete for part in found.coverage)
    done = subprocess.run([PROGRAM, "audit", trained, "--json"], capture_output=True, check=True)
    assert json.loads(done.stdout)["clean"]


@pytest.mark.slow
def test_swapped_records_are_named_by_step_and_rank(packed, tmp_path):
    with swapped(packed / "s3dis") as names, pytest.raises(RuntimeError, match="ppt-dist audit"):
        train_here(tmp_path, packed, 6)
    found = audit_run(tmp_path / "mine", quiet)
    assert not found.clean
    assert {finding.domain for finding in found.findings} == {"s3dis"}
    for finding in found.findings:
        assert sorted(finding.missing) == sorted(names)
        assert finding.read == tuple(f"s3dis/{name}" for name in reversed(finding.missing))
        assert finding.ranks == (0,)
    command = subprocess.run([PROGRAM, "audit", tmp_path / "mine"], capture_output=True, text=True)
    assert command.returncode == 1
    assert "in place of" in command.stdout


@pytest.mark.slow
def test_quarantined_scenes_are_told_apart(packed, tmp_path):
    copy_damaged(packed, tmp_path / "packed", "s3dis", 1)
    copy_damaged(packed, tmp_path / "packed", "scannet", 0)
    folder = train_here(tmp_path, tmp_path / "packed", 6)
    found = audit_run(folder, quiet)
    assert found.clean
    assert sum(part.stood_in for part in found.coverage) > 0
    assert {e["event"] for e in read_events(folder)} >= {"quarantine", "finished"}


@pytest.mark.slow
def test_a_run_whose_mixture_came_and_went_at_restarts_is_clean(packed, tmp_path):
    def attempt(number, weight, stops):
        path = write_run_file(tmp_path, packed, "mine", 6, stage="plain", ranks=1, fetchers=0)
        text = path.read_text()
        assert text.count("weight = 2") == 1
        path.write_text(text.replace("weight = 2", f"weight = {weight}"))
        run = load_run(path)
        claim(run)
        stop = run.folder / STOP
        stop.touch() if stops else stop.unlink()
        run_training(run, Ranks(Rank(0, 1)), number, lambda _: None)
        return audit_run(run.folder, quiet)

    for number, weight in enumerate((2, 5, 2, 5), 1):
        assert attempt(number, weight, stops=True).clean
    found = attempt(5, 5, stops=False)
    assert found.clean
    assert found.steps == 6
    eras = [
        (era.step, era.weights["scannet"])
        for era in gather(tmp_path / "mine").eras()
        if era.weights
    ]
    assert eras == [(1, 5), (2, 2), (3, 5)]


def test_an_attempt_takes_back_the_steps_after_its_start():
    def event(kind, attempt, writer="rank-0", **values):
        return {"event": kind, "attempt": attempt, "writer": writer, **values}

    events = [
        event("training", 1, start=0),
        *(event("step", 1, step=step) for step in range(8)),
        event("training", 2, start=4),
        *(event("step", 2, step=step) for step in range(4, 6)),
    ]
    steps = lineage(events)
    assert list(steps) == [0, 1, 2, 3, 4, 5]
    assert [told[0]["attempt"] for told in steps.values()] == [1, 1, 1, 1, 2, 2]


def test_a_last_step_that_not_every_rank_wrote_is_left_out():
    def event(kind, writer, **values):
        return {"event": kind, "attempt": 1, "writer": writer, **values}

    ranks = ("rank-0", "rank-1")
    events = [event("training", rank, start=0) for rank in ranks]
    events += [event("step", rank, step=0) for rank in ranks] + [event("step", "rank-1", step=1)]
    assert list(lineage(events)) == [0]


@pytest.mark.slow
def test_other_packed_data_are_refused(trained, tmp_path):
    copied = tmp_path / "mine"
    subprocess.run(["cp", "-r", trained, copied], check=True)
    data = json.loads((copied / "data.json").read_text())
    (copied / "data.json").write_text(json.dumps(data | {"s3dis": "0" * 64}))
    with pytest.raises(BadInput, match=r"domains\.s3dis"):
        audit_run(copied, quiet)


def test_a_rank_whose_events_are_lost_is_a_finding(packed):
    records = Records.open(packed / "s3dis", "train")
    shape = LotShape(scenes=3, micro=1, a_step=1, window=1)
    plan = Plan({"s3dis": records.cost}, steady({"s3dis": 1}), shape, 0)
    (lot,) = plan.step(0)
    (parts,) = assign(lot, records.cost, 3)
    prints = [
        [
            f"{fingerprint('s3dis', records.names[s.scene], records.crc32[s.scene]):016x}"
            for s in own
        ]
        for own in parts
    ]

    def events(rank):
        own = {"attempt": 1, "writer": f"rank-{rank}"}
        lots = [{"lot": 0, "read": prints[rank]}]
        return [
            own | {"event": "training", "start": 0},
            own | {"event": "step", "step": 0, "lots": lots},
        ]

    books = {"s3dis": Book(records.names, records.crc32)}
    for ranks in ((0, 1, 2), (1, 2), (0, 2), (2,)):
        found = audit(plan, books, {}, chain.from_iterable(map(events, ranks)), quiet)
        lost = {0, 1, 2} - set(ranks)
        assert {rank for finding in found.findings for rank in finding.ranks} == lost


@pytest.mark.slow
def test_steps_of_the_weights_that_no_event_tells_of_are_gaps(trained, tmp_path):
    copied = tmp_path / "mine"
    shutil.copytree(trained, copied)
    for path in (copied / "events").iterdir():
        path.unlink()
    found = audit_run(copied, quiet)
    assert not found.clean
    assert found.gaps == tuple(range(6))
