"""Metrics to where they are read: Ray's agent for ranks, a server of our own for the run."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType

import prometheus_client
import ray.util.metrics
from prometheus_client import CollectorRegistry

from ppt_dist.journal.durable import write_durably
from ppt_dist.train.meters import RANK, RUN, Event, Metric, Sample, rank_samples, run_samples

TARGETS = "metrics.json"
"""Below a run's folder while its server runs: where it is, for Prometheus' ``file_sd_configs``."""

HOST = "127.0.0.1"


class RayMeters:
    """A rank's metrics through Ray's agent on its node, which calls them ``ray_ppt_...``."""

    def __init__(self, owner: Mapping[str, str]) -> None:
        self._owner = dict(owner)
        self._metrics = {name: self._make(name, metric) for name, metric in RANK.items()}

    def take(self, event: Event) -> None:
        """Count what the event tells."""
        for name, value, labels in rank_samples(event):
            metric, tags = self._metrics[name], self._owner | labels
            if isinstance(metric, ray.util.metrics.Gauge):
                metric.set(value, tags)
            elif value > 0:  # Ray refuses to count nothing
                metric.inc(value, tags)

    def _make(self, name: str, metric: Metric) -> ray.util.metrics.Counter | ray.util.metrics.Gauge:
        kind = ray.util.metrics.Counter if metric.kind == "counter" else ray.util.metrics.Gauge
        return kind(name, metric.help, (*self._owner, *metric.labels))


class MetricsServer:
    """``with MetricsServer(folder, run) as server:`` a page for Prometheus on a free loopback port.

    It serves what it is told by `of_rank` and `of_run`.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._file, self._run = folder / TARGETS, run
        self._registry = CollectorRegistry()
        self._ranks = self._make(RANK, ("run", "rank"))
        self._runs = self._make(RUN, ("run",))

    def __enter__(self) -> "MetricsServer":
        self._server, self._thread = prometheus_client.start_http_server(
            0, HOST, registry=self._registry
        )
        target = f"{HOST}:{self._server.server_port}"
        table = [{"targets": [target], "labels": {"run": self._run}}]
        write_durably(self._file, json.dumps(table).encode())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.unlink(missing_ok=True)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def of_rank(self, rank: int) -> Callable[[Event], None]:
        """What takes the events of a rank in this process."""
        owner = {"run": self._run, "rank": str(rank)}
        return lambda event: self._count(self._ranks, owner, rank_samples(event))

    def of_run(self, event: Event) -> None:
        """Take an event of the first rank."""
        self._count(self._runs, {"run": self._run}, run_samples(event))

    def _make(
        self, metrics: Mapping[str, Metric], owner: tuple[str, ...]
    ) -> dict[str, prometheus_client.Counter | prometheus_client.Gauge]:
        kinds = {"counter": prometheus_client.Counter, "gauge": prometheus_client.Gauge}
        return {
            name: kinds[metric.kind](
                name, metric.help, (*owner, *metric.labels), registry=self._registry
            )
            for name, metric in metrics.items()
        }

    def _count(
        self,
        metrics: Mapping[str, prometheus_client.Counter | prometheus_client.Gauge],
        owner: Mapping[str, str],
        samples: Iterable[Sample],
    ) -> None:
        for name, value, labels in samples:
            metric = metrics[name].labels(**owner, **labels)
            if isinstance(metric, prometheus_client.Gauge):
                metric.set(value)
            else:
                metric.inc(value)
