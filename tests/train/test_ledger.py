"""The ledger: what is entered stays, in an order that no rank decides."""

import json

import pytest

from ppt_dist.section import BadInput
from ppt_dist.train.ledger import (
    LEDGER,
    NOTES,
    Ledger,
    Quarantined,
    SkippedLot,
    gather,
    note,
    read_ledger,
    settle,
)


def lost(scene, lot=0, writer="rank-0-1", domain="scannet"):
    return Quarantined(domain=domain, scene=scene, reason="torn", lot=lot, writer=writer)


def test_a_run_begins_with_an_empty_ledger(tmp_path):
    assert read_ledger(tmp_path) == Ledger()
    assert settle(tmp_path) == Ledger()
    assert not (tmp_path / LEDGER).exists()


@pytest.mark.parametrize("turn", [1, -1])
def test_the_order_of_entries_does_not_depend_on_who_noted_first(tmp_path, turn):
    for entry in [lost("b", 3, "rank-1-1"), lost("a", 5, "rank-0-1"), lost("c", 3)][::turn]:
        note(tmp_path, entry.writer, entry)
    scenes = [entry.scene for entry in gather(tmp_path).entries if isinstance(entry, Quarantined)]
    assert scenes == ["b", "c", "a"]


def test_a_scene_that_two_ranks_found_stands_once_with_its_first_lot(tmp_path):
    note(tmp_path, "rank-0-1", lost("a", 9, "rank-0-1"))
    note(tmp_path, "rank-1-1", lost("a", 4, "rank-1-1"))
    assert settle(tmp_path).entries == (lost("a", 4, "rank-1-1"),)


def test_settled_entries_keep_their_places_and_their_digest(tmp_path):
    note(tmp_path, "rank-0-1", lost("z", 8))
    first = settle(tmp_path)
    note(tmp_path, "rank-0-1", lost("a", 1))
    second = settle(tmp_path)
    assert second.entries[:1] == first.entries
    assert second.digest(1) == first.digest()
    assert second.digest() != first.digest()
    assert read_ledger(tmp_path) == second


def test_a_note_that_a_crash_cut_is_left_out_and_another_is_refused_by_line(tmp_path):
    note(tmp_path, "rank-0-1", lost("a"))
    path = tmp_path / NOTES / "rank-0-1.jsonl"
    path.write_bytes(path.read_bytes() + b'{"kind": "quara')
    assert len(gather(tmp_path).entries) == 1
    path.write_bytes(b'{"kind": "party"}\n')
    with pytest.raises(BadInput, match=r"rank-0-1\.jsonl:1"):
        gather(tmp_path)


def test_a_damaged_ledger_is_refused_by_name(tmp_path):
    (tmp_path / LEDGER).write_text("{")
    with pytest.raises(BadInput, match=r"ledger\.json: not JSON"):
        read_ledger(tmp_path)
    (tmp_path / LEDGER).write_text(json.dumps({"format": 2}))
    with pytest.raises(BadInput, match=r"ledger\.json"):
        read_ledger(tmp_path)


def test_skipped_lots_are_rising_and_stand_once():
    ledger = Ledger(entries=(SkippedLot(lot=7), SkippedLot(lot=2), SkippedLot(lot=7)))
    assert ledger.skipped() == (2, 7)


def test_an_era_opened_later_at_an_earlier_step_takes_the_place_of_those_after_it():
    ledger = Ledger()
    for step in (10, 30, 20):
        ledger = ledger.with_era(step, {"scannet": float(step)})
    assert [opened.step for opened in ledger.eras()] == [10, 20]


@pytest.mark.parametrize("settled", [True, False])
def test_a_mixture_may_come_back_at_the_same_step(tmp_path, settled):
    for weight in (1.0, 2.0, 1.0):
        era = gather(tmp_path).with_era(50, {"scannet": weight}).entries[-1]
        note(tmp_path, "start", era)
        if settled:
            settle(tmp_path)
    (era,) = gather(tmp_path).eras()
    assert era.weights == {"scannet": 1.0}


def test_eras_hold_in_the_order_in_which_they_were_opened_not_in_that_of_their_steps(tmp_path):
    for step in (60, 50):
        note(tmp_path, "start", gather(tmp_path).with_era(step, {"scannet": 2.0}).entries[-1])
    assert [era.step for era in gather(tmp_path).eras()] == [50]


def test_a_note_behind_one_that_a_crash_cut_is_whole(tmp_path):
    note(tmp_path, "start", lost("a"))
    path = tmp_path / NOTES / "start.jsonl"
    path.write_bytes(path.read_bytes() + b'{"kind": "quara')
    note(tmp_path, "start", lost("b"))
    assert gather(tmp_path).reasons("scannet").keys() == {"a", "b"}
