"""Events to metrics, for the events of a run that was really trained."""

from collections import defaultdict

import pytest

from ppt_dist.train.meters import RANK, RUN, rank_samples, run_samples
from tests.small_run import events_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def events(trained):
    return events_of(trained)


def test_every_metric_is_fed_and_nothing_else(events):
    for samples, metrics in ((rank_samples, RANK), (run_samples, RUN)):
        found = [s for event in events for s in samples(event)]
        fault = {"event": "fault", "text": "a fetcher died"}
        found += list(samples(fault))
        assert {s.name for s in found} == metrics.keys()
        for sample in found:
            assert sample.name.startswith("ppt_")
            assert tuple(sample.labels) == metrics[sample.name].labels


def test_counters_add_up_to_what_the_events_hold(events):
    total: dict[tuple[str, ...], float] = defaultdict(float)
    for event in events:
        for sample in rank_samples(event):
            if RANK[sample.name].kind == "counter":
                total[sample.name, *sample.labels.values()] += sample.value
    steps = [e for e in events if e["event"] == "step"]
    assert total["ppt_steps_total",] == len(steps) == 6
    lots = [lot for e in steps for lot in e["lots"]]
    for domain in ("scannet", "s3dis"):
        own = [lot for lot in lots if lot["domain"] == domain]
        assert total["ppt_points_total", domain] == sum(lot["voxels"] for lot in own)  # one rank
        assert total["ppt_scenes_total", domain] == 2 * len(own)
    forward = sum(e["seconds"]["forward"] for e in steps)
    assert total["ppt_phase_seconds_total", "forward"] == pytest.approx(forward)
    assert total["ppt_phase_seconds_total", "evaluation"] > 0


def test_the_gauges_of_a_finished_run_say_so(events):
    last = {s.name: s.value for event in events for s in run_samples(event)}
    assert last["ppt_run_step"] == last["ppt_run_steps"] == last["ppt_run_checkpoint_step"] == 6
    assert last["ppt_run_finished"] == 1
