"""What events come to as metrics: a pure function of each event, whoever counts and serves them."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

Event = Mapping[str, Any]


class Metric(NamedTuple):
    """A value with a name in the terms of Prometheus."""

    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...] = ()
    """Beside those that say whose it is."""


class Sample(NamedTuple):
    """What an event adds to a counter, or sets a gauge to."""

    name: str
    value: float
    labels: dict[str, str] = {}  # noqa: RUF012 - never written to


RANK = {
    "ppt_steps_total": Metric("counter", "Optimiser updates."),
    "ppt_points_total": Metric("counter", "Points trained on, one a voxel.", ("domain",)),
    "ppt_scenes_total": Metric("counter", "Scenes trained on.", ("domain",)),
    "ppt_phase_seconds_total": Metric(
        "counter",
        "Seconds by phase: data (waiting for it), forward, backward, communication, optimizer, "
        "other, start, checkpoint, evaluation.",
        ("phase",),
    ),
    "ppt_faults_total": Metric("counter", "Faults that were met and handled."),
    "ppt_loss": Metric("gauge", "Loss of the newest lot, over all ranks.", ("domain",)),
    "ppt_learning_rate": Metric("gauge", "Of the newest step."),
    "ppt_gradient_norm": Metric("gauge", "Of the newest step, before clipping."),
}
"""Of each rank."""

RUN = {
    "ppt_run_steps": Metric("gauge", "Optimiser updates that the run is to take."),
    "ppt_run_step": Metric("gauge", "Updates that the model has taken."),
    "ppt_run_checkpoint_step": Metric("gauge", "Updates in the newest checkpoint."),
    "ppt_run_finished": Metric("gauge", "1 once the run is trained and evaluated."),
    "ppt_run_miou": Metric("gauge", "Mean IoU over all classes.", ("domain",)),
}
"""Of the run, from the events of its first rank."""


def rank_samples(event: Event) -> Iterator[Sample]:
    """What an event changes of `RANK`."""
    kind = event["event"]
    if kind == "step":
        yield Sample("ppt_steps_total", 1)
        yield Sample("ppt_learning_rate", float(event["rate"]))
        yield Sample("ppt_gradient_norm", float(event["norm"]))
        for lot in event["lots"]:
            domain = {"domain": str(lot["domain"])}
            yield Sample("ppt_points_total", lot["points"], domain)
            yield Sample("ppt_scenes_total", lot["scenes"], domain)
            yield Sample("ppt_loss", float(lot["loss"]), domain)
        for phase, seconds in event["seconds"].items():
            yield Sample("ppt_phase_seconds_total", seconds, {"phase": phase})
    elif kind == "phase" and event["name"] != "training":  # its steps have been counted
        yield Sample("ppt_phase_seconds_total", event["seconds"], {"phase": str(event["name"])})
    elif kind == "fault":
        yield Sample("ppt_faults_total", 1)


def run_samples(event: Event) -> Iterator[Sample]:
    """What an event changes of `RUN`."""
    kind = event["event"]
    if kind == "training":
        yield Sample("ppt_run_steps", event["steps"])
        yield Sample("ppt_run_step", event["start"])
        yield Sample("ppt_run_finished", 0)
    elif kind == "step":
        yield Sample("ppt_run_step", event["step"] + 1)
    elif kind == "checkpoint":
        yield Sample("ppt_run_checkpoint_step", event["step"])
    elif kind == "evaluated":
        domain = {"domain": str(event["domain"])}
        yield Sample("ppt_run_miou", event["miou"], domain)
    elif kind == "finished":
        yield Sample("ppt_run_finished", 1)
