import json
import threading

import numpy as np
import pytest

from ppt_dist.journal.journal import Journal, read_events
from ppt_dist.section import BadInput


def lines(folder, name):
    return (folder / "events" / name).read_text().splitlines()


def test_the_first_line_of_a_file_names_format_writer_and_attempt(tmp_path):
    Journal(tmp_path, "rank0", 3).close()

    first = json.loads(lines(tmp_path, "rank0-3.jsonl")[0])

    assert {key: first[key] for key in ("event", "format", "writer", "attempt")} == {
        "event": "journal",
        "format": 1,
        "writer": "rank0",
        "attempt": 3,
    }


def test_an_event_is_in_the_file_as_soon_as_it_is_written(tmp_path):
    journal = Journal(tmp_path, "rank0", 1)

    journal.write("step", step=7, loss=0.5)

    event = json.loads(lines(tmp_path, "rank0-1.jsonl")[-1])
    assert list(event) == ["t", "mono", "event", "step", "loss"]
    assert (event["event"], event["step"], event["loss"]) == ("step", 7, 0.5)


def test_events_of_all_writers_are_merged_in_order_of_time(tmp_path):
    first, second = Journal(tmp_path, "rank0", 1), Journal(tmp_path, "rank1", 1)
    for i in range(6):
        (first, second)[i % 2].write("step", step=i)

    events = [event for event in read_events(tmp_path) if event["event"] == "step"]

    assert [event["step"] for event in events] == list(range(6))
    assert [event["writer"] for event in events] == ["rank0", "rank1"] * 3
    assert {event["attempt"] for event in events} == {1}


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_torn_last_line_is_left_out_and_the_next_opening_writes_a_whole_one(tmp_path, cut):
    journal = Journal(tmp_path, "rank0", 1)
    journal.write("step", step=1)
    journal.write("step", step=2)
    path = tmp_path / "events" / "rank0-1.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])

    read = [event.get("step") for event in read_events(tmp_path)]
    Journal(tmp_path, "rank0", 1).write("step", step=3)

    assert read == [None, 1]
    assert [event.get("step") for event in read_events(tmp_path)] == [None, 1, 3]


def test_numbers_that_are_not_finite_become_strings_that_strict_json_reads(tmp_path):
    journal = Journal(tmp_path, "rank0", 1)

    journal.write(
        "step", loss=float("nan"), norms=(np.float32("inf"), float("-inf")), n=np.int64(4)
    )

    event = json.loads(lines(tmp_path, "rank0-1.jsonl")[-1], parse_constant=pytest.fail)
    assert (event["loss"], event["norms"], event["n"]) == ("NaN", ["Infinity", "-Infinity"], 4)


def test_a_phase_says_how_long_it_took_and_whether_it_was_done(tmp_path):
    journal = Journal(tmp_path, "lead", 1)

    with journal.phase("pack"):
        pass
    with pytest.raises(KeyError), journal.phase("train"):
        raise KeyError

    phases = [event for event in read_events(tmp_path) if event["event"] == "phase"]
    assert [(event["name"], event["done"]) for event in phases] == [
        ("pack", True),
        ("train", False),
    ]
    assert all(isinstance(event["seconds"], float) for event in phases)


def test_lines_of_two_threads_never_mix(tmp_path):
    journal = Journal(tmp_path, "rank0", 1)

    def write(thread):
        for i in range(200):
            journal.write("tick", thread=thread, i=i, padding="x" * 300)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(read_events(tmp_path)) == 401


def test_a_value_that_is_not_json_or_shadows_a_clock_is_refused(tmp_path):
    journal = Journal(tmp_path, "rank0", 1)

    with pytest.raises(TypeError, match="set"):
        journal.write("step", what={1})
    with pytest.raises(ValueError, match="mono"):
        journal.write("step", mono=1.0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"t": 1.0, "mono": 1.0, "event": "journal", "format": 2}', "reads format 1"),
        ("\x80\x04K\x01.", "rank0-1.jsonl:1: not a line of JSON"),
        ("[1]", "rank0-1.jsonl:1: not an event"),
    ],
)
def test_a_file_of_another_kind_is_bad_input_that_names_it(tmp_path, line, reason):
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "rank0-1.jsonl").write_text(line + "\n", "latin-1")

    with pytest.raises(BadInput, match=reason):
        read_events(tmp_path)


def test_a_run_without_events_has_none(tmp_path):
    assert read_events(tmp_path) == []
