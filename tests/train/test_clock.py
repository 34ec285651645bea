"""A rank's seconds by phase, with a clock that the test winds."""

import pytest

from ppt_dist.train.clock import PHASES, Clock


class Wound:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Wound()


def test_every_second_belongs_to_the_innermost_phase(time):
    clock = Clock(time)
    time.now += 1
    with clock("forward"):
        time.now += 2
        with clock("communication"):
            time.now += 4
        time.now += 8
    with clock("optimizer"):
        time.now += 16

    spent = clock.lap()

    assert spent == {**dict.fromkeys(PHASES, 0.0), "other": 1.0, "forward": 10.0,
                     "communication": 4.0, "optimizer": 16.0}  # fmt: skip


def fails_after(seconds, time, clock):
    with clock("backward"):
        time.now += seconds
        raise KeyError


def test_laps_add_up_to_the_whole_time_and_an_error_closes_its_phase(time):
    clock = Clock(time)
    with pytest.raises(KeyError):
        fails_after(3, time, clock)
    time.now += 2
    first = clock.lap()
    with clock("data"):
        time.now += 5
        second = clock.lap()

    assert (first["backward"], first["other"], second["data"]) == (3.0, 2.0, 5.0)
    assert sum(first.values()) + sum(second.values()) == time.now
