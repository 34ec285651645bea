"""`Stream`: the endless sequence of lots that one rank sees, from any step on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ppt_dist.scene.batch import SceneBatch
from ppt_dist.scene.scene import CHANNELS
from ppt_dist.scene.voxel import VoxelScene
from ppt_dist.stream.era import steady
from ppt_dist.stream.fetch import Fetchers, Loader, Order, open_records
from ppt_dist.stream.plan import Lot, LotShape, Plan, deal
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.voxelise import Voxelise


@dataclass(frozen=True)
class LotBatch:
    """A rank's part of a lot."""

    index: int
    domain: str
    micro: tuple[SceneBatch, ...]
    """One batch for each micro-lot; a rank without a scene has an empty one."""


class Source(NamedTuple):
    """A packed domain in the mixture."""

    folder: Path
    weight: int
    """Lots in each period, in a plan of one mixture (`open_plan`)."""
    voxelise: Voxelise


class Fetching(NamedTuple):
    """How the work is done; no byte depends on it."""

    processes: int
    ahead: int
    """Orders in the making."""
    on_fault: Callable[[str], object]


class Stream:
    """The plan of all ranks, executed for one."""

    def __init__(self, plan: Plan, loader: Loader, rank: Rank, fetching: Fetching) -> None:
        self.plan = plan
        self._loader = loader
        self._rank = rank
        self._fetchers = Fetchers(
            loader, fetching.processes, fetching.ahead * plan.shape.micro, fetching.on_fault
        )

    def steps(self, start: int, stop: int) -> Iterator[tuple[LotBatch, ...]]:
        """This rank's lots of each step from ``start`` to before ``stop``."""
        lots = (lot for step in range(start, stop) for lot in self.plan.step(step))
        fetched = self._fetchers.fetch(order for lot in lots for order in self._orders(lot))
        for step in range(start, stop):
            yield tuple(self._batch(lot, fetched) for lot in self.plan.step(step))

    def close(self) -> None:
        """End the fetchers."""
        self._fetchers.close()

    def _orders(self, lot: Lot) -> list[Order]:
        parts = deal(lot, self.plan.costs[lot.domain], self._rank.of)
        return [Order(lot.domain, micro[self._rank.index]) for micro in parts]

    def _batch(self, lot: Lot, fetched: Iterator[list[VoxelScene]]) -> LotBatch:
        width = sum(CHANNELS[name] for name in self._loader.voxelise[lot.domain].channels)
        scenes = islice(fetched, len(lot.micro))
        micro = tuple(SceneBatch.of(lot.domain, part, width) for part in scenes)
        return LotBatch(lot.index, lot.domain, micro)


def open_plan(sources: Mapping[str, Source], shape: LotShape, seed: int) -> Plan:
    """The plan of one mixture over the train splits of packed domains."""
    costs = {name: open_records(s.folder, "train").cost for name, s in sources.items()}
    return Plan(costs, steady({name: s.weight for name, s in sources.items()}), shape, seed)


def open_stream(
    sources: Mapping[str, Source], shape: LotShape, seed: int, rank: Rank, fetching: Fetching
) -> Stream:
    """The stream of ``rank`` over packed domains in one mixture."""
    return stream_of(open_plan(sources, shape, seed), sources, rank, fetching)


def stream_of(plan: Plan, sources: Mapping[str, Source], rank: Rank, fetching: Fetching) -> Stream:
    """The plan as ``rank`` sees it."""
    loader = Loader(
        folders={name: s.folder for name, s in sources.items()},
        voxelise={name: s.voxelise for name, s in sources.items()},
        seed=plan.seed,
    )
    return Stream(plan, loader, rank, fetching)
