"""`Stream`: the endless sequence of lots that one rank sees, from any step on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice, tee
from typing import NamedTuple

from ppt_dist.scene.batch import SceneBatch
from ppt_dist.shard.access import PLAIN, Access
from ppt_dist.shard.place import Place
from ppt_dist.stream.era import steady
from ppt_dist.stream.fetch import Fetchers, Fetching
from ppt_dist.stream.horizon import horizon_of
from ppt_dist.stream.load import Loader, Order, open_records
from ppt_dist.stream.parcel import ROW, Parcel
from ppt_dist.stream.plan import Lot, LotShape, Plan, Unit, deal
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.read import Read
from ppt_dist.stream.voxelise import Voxelise


@dataclass(frozen=True)
class LotBatch:
    """A rank's part of a lot."""

    index: int
    domain: str
    micro: tuple[SceneBatch, ...]
    """One batch for each micro-lot; a rank without a scene has an empty one."""
    reads: tuple[Read, ...] = ()
    """The scenes in them, as their bytes told."""


class Source(NamedTuple):
    """A packed domain in the mixture."""

    folder: Place
    weight: int
    """Lots in each period, in a plan of one mixture (`open_plan`)."""
    voxelise: Voxelise


class Stream:
    """The plan of all ranks, executed for one."""

    def __init__(self, plan: Plan, loader: Loader, rank: Rank, fetching: Fetching) -> None:
        self.plan = plan
        self._loader = loader
        self._rank = rank
        self._fetchers = Fetchers(loader, fetching)
        self._on_damaged, self._on_fault = fetching.on_damaged, fetching.on_fault

    def steps(self, start: int, stop: int) -> Iterator[tuple[LotBatch, ...]]:
        """This rank's lots of each step from ``start`` to before ``stop``."""
        ahead, here = tee(self.plan.step(step) for step in range(start, stop))
        orders = (order for lots in ahead for lot in lots for order in self._orders(lot))
        fetched = self._fetchers.fetch(orders)
        for lots in here:
            yield tuple(self._batch(lot, fetched) for lot in lots)

    def close(self) -> None:
        """End the fetchers."""
        self._fetchers.close()

    def _orders(self, lot: Lot) -> list[Order]:
        parts = deal(lot, self.plan.costs[lot.domain], self._rank.of)
        return [self._order(lot, micro[self._rank.index]) for micro in parts]

    def _order(self, lot: Lot, units: tuple[Unit, ...]) -> Order:
        place, access = self._loader.folders[lot.domain], self._loader.access
        points = open_records(place, "train", access).points
        voxelise = self._loader.voxelise[lot.domain]
        most = voxelise.crop or int(points.max())
        voxels = sum(min(int(points[slot.scene]), most) for slot in chain(*units))
        return Order(lot.domain, units, lot.index, voxels * (ROW + 4 * voxelise.width))

    def _batch(self, lot: Lot, fetched: Iterator[Parcel]) -> LotBatch:
        parcels = list(islice(fetched, len(lot.units)))
        for sentence in chain.from_iterable(parcel.bill.told for parcel in parcels):
            self._on_fault(sentence)
        for damaged in chain.from_iterable(parcel.bill.damaged for parcel in parcels):
            self._on_damaged(lot.domain, lot.index, damaged)
        reads = tuple(chain.from_iterable(parcel.bill.reads for parcel in parcels))
        micro = tuple(_scene_batch(lot.domain, parcel) for parcel in parcels)
        return LotBatch(lot.index, lot.domain, micro, reads)


def _scene_batch(domain: str, parcel: Parcel) -> SceneBatch:
    bill = parcel.bill
    return SceneBatch.laid(domain, bill.names, bill.ends, parcel.grid, parcel.feat, parcel.label)


def open_plan(
    sources: Mapping[str, Source], shape: LotShape, seed: int, access: Access = PLAIN
) -> Plan:
    """The plan of one mixture over the train splits of packed domains."""
    costs = {name: open_records(s.folder, "train", access).cost for name, s in sources.items()}
    return Plan(costs, steady({name: s.weight for name, s in sources.items()}), shape, seed)


def open_stream(
    sources: Mapping[str, Source],
    shape: LotShape,
    seed: int,
    rank: Rank,
    fetching: Fetching,
    quarantined: Mapping[str, frozenset[str]] | None = None,
) -> Stream:
    """The stream of ``rank`` over packed domains in one mixture."""
    plan = open_plan(sources, shape, seed, fetching.access)
    return stream_of(plan, sources, rank, fetching, quarantined)


def stream_of(
    plan: Plan,
    sources: Mapping[str, Source],
    rank: Rank,
    fetching: Fetching,
    quarantined: Mapping[str, frozenset[str]] | None = None,
) -> Stream:
    """The plan as ``rank`` sees it, without scenes that are ``quarantined``."""
    loader = Loader(
        folders={name: s.folder for name, s in sources.items()},
        voxelise={name: s.voxelise for name, s in sources.items()},
        seed=plan.seed,
        quarantined=quarantined or {},
        access=fetching.access,
        horizon=horizon_of(plan),
    )
    return Stream(plan, loader, rank, fetching)
