"""Repetitions: as many as allowed, each told, and only of what may pass."""

import random

import pytest

from ppt_dist.journal.retry import Retries, Transient, Unreachable, attempt

QUICK = Retries(times=3, first=0.001, longest=0.002, deadline=60)


def failing(times, error):
    """A call that raises ``error`` so many times, then gives how often it was made."""
    calls = []

    def call():
        calls.append(1)
        if len(calls) <= times:
            raise error
        return len(calls)

    return call


@pytest.mark.parametrize("times", range(4))
def test_a_call_is_repeated_until_it_succeeds_and_each_time_is_told(times):
    told = []
    assert attempt(failing(times, Transient("lost")), QUICK, told.append) == times + 1
    assert len(told) == times
    assert all(sentence.startswith("lost; again in ") for sentence in told)


def test_after_the_last_repetition_it_is_unreachable():
    with pytest.raises(Unreachable, match="lost; given up after 4 tries"):
        attempt(failing(4, Transient("lost")), QUICK, print)


def test_nothing_is_repeated_beyond_the_deadline():
    patient = Retries(times=10_000, first=1e-6, longest=1e-6, deadline=0.05)
    told = []
    with pytest.raises(Unreachable, match="given up after"):
        attempt(failing(1_000_000, Transient("lost")), patient, told.append)
    assert len(told) < 10_000


def test_what_cannot_pass_is_raised_at_once():
    told = []
    with pytest.raises(KeyError):
        attempt(failing(1, KeyError("no")), QUICK, told.append)
    assert told == []


def test_pauses_move_no_random_state():
    random.seed(5)
    before = random.getstate()
    attempt(failing(3, Transient("lost")), QUICK, lambda _: None)
    assert random.getstate() == before
