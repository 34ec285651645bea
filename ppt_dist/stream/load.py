"""`Loader`: an order's scenes, read, augmented and voxelised; damaged ones have a stand-in."""

from collections import deque
from collections.abc import Callable, Mapping
from functools import cache, partial
from itertools import chain
from typing import NamedTuple

import numpy as np

from ppt_dist.journal.objects import Refused
from ppt_dist.scene.mix import mixed
from ppt_dist.scene.scene import Scene
from ppt_dist.scene.voxel import VoxelScene
from ppt_dist.section import BadInput
from ppt_dist.shard.access import PLAIN, Access
from ppt_dist.shard.cache import UNKNOWN, Future, digest_of
from ppt_dist.shard.member import Content
from ppt_dist.shard.place import Place
from ppt_dist.shard.records import Records
from ppt_dist.stream.horizon import Horizon
from ppt_dist.stream.plan import Slot, Unit
from ppt_dist.stream.read import Damaged, Read
from ppt_dist.stream.stand_in import stand_ins
from ppt_dist.stream.voxelise import Voxelise, pair_generator, scene_generator

_MOST_NOTES = 1000
"""Sentences about repetitions that are kept until an order takes them along."""


class Order(NamedTuple):
    """Scenes of one domain that are wanted together."""

    domain: str
    units: tuple[Unit, ...]
    lot: int = 0
    size: int = 0
    """Most bytes that its voxels take."""


class Loaded(NamedTuple):
    """What became of an order."""

    scenes: list[VoxelScene]
    channels: int
    """Width of their features, also where there is no scene."""
    reads: tuple[Read, ...]
    """The scenes that went in, in the order of the units."""
    damaged: tuple[Damaged, ...]
    """Those that were found unusable on the way."""
    told: tuple[str, ...] = ()
    """What reading had to repeat since the order before, in sentences."""


class Loader(NamedTuple):
    """How an order becomes voxels; every process has its copy."""

    folders: Mapping[str, Place]
    voxelise: Mapping[str, Voxelise]
    seed: int
    quarantined: Mapping[str, frozenset[str]]
    """Scenes of each domain that are not read any more."""
    access: Access = PLAIN
    horizon: Horizon | None = None
    """When a scene comes again, for a cache."""

    def __call__(self, order: Order) -> Loaded:
        """The scenes, augmented; the same bytes in every process.

        Raises:
            BadInput: no scene of the domain can be read, or none may be.
            Unreachable: the store could not be read in all repetitions.
        """
        work = self._begin(order)
        units = [self._unit(order.domain, unit, work) for unit in order.units]
        return Loaded(
            [scene for scene, _ in units],
            self.voxelise[order.domain].width,
            tuple(chain.from_iterable(reads for _, reads in units)),
            tuple(work.damaged),
            _taken_notes(),
        )

    def _begin(self, order: Order) -> "_Work":
        """All reading of an order is under way before the first scene is augmented."""
        records = open_records(self.folders[order.domain], "train", self.access)
        left_out = self.quarantined.get(order.domain, frozenset())
        slots = [slot for unit in order.units for slot in unit]
        wanted = [slot for slot in slots if records.names[slot.scene] not in left_out]
        future = self._future(order)
        reading = records.begin([slot.scene for slot in wanted], future)
        return _Work(records, left_out, future, dict(zip(wanted, reading, strict=True)), [])

    def _future(self, order: Order) -> Future:
        """When scenes come again, seen from the order's lot; for a node's cache alone."""
        horizon = self.horizon
        if horizon is None or self.access.cache is None:
            return UNKNOWN
        places = self.folders.items()
        digests = {
            digest_of(open_records(place, "train", self.access).manifest.digest()): domain
            for domain, place in places
        }
        return Future("train", digests, partial(horizon.next_use, now=order.lot))

    def _unit(self, domain: str, unit: Unit, work: "_Work") -> tuple[VoxelScene, list[Read]]:
        """A scene, or two mixed into one."""
        loaded = [self._scene(domain, slot, work) for slot in unit]
        scenes, reads = [scene for scene, _ in loaded], [read for _, read in loaded]
        if len(scenes) == 1:
            return scenes[0], reads
        first, second = scenes
        names = [(slot.epoch, scene.name) for slot, scene in zip(unit, scenes, strict=True)]
        return mixed(first, second, pair_generator(self.seed, domain, names)), reads

    def _scene(self, domain: str, slot: Slot, work: "_Work") -> tuple[VoxelScene, Read]:
        """The planned scene, or the first that can stand in for it."""
        records = work.records
        planned = records.names[slot.scene]
        for one in chain([slot], stand_ins(len(records), self.seed, domain, slot)):
            name = records.names[one.scene]
            if name in work.left_out:
                continue
            try:
                scene = records.decode(one.scene, work.content(one))
                check_usable(scene)
                rng = scene_generator(self.seed, domain, one.epoch, name)
                voxels = self.voxelise[domain].train(scene, rng)
            except Refused:
                raise
            except BadInput as error:
                work.damaged.append(Damaged(name, str(error)))
                continue
            replaced = "" if one is slot else planned
            return voxels, Read(scene.name, records.seal(one.scene), replaced)
        reasons = "".join(f"\n  {bad.name}: {bad.reason}" for bad in work.damaged[:10])
        raise BadInput(
            f"domain {domain}: none of its {len(records)} training scenes can be read, or all are "
            f"quarantined:{reasons}\nsee ppt-dist validate {self.folders[domain]}"
        )


class _Work(NamedTuple):
    """An order in the making."""

    records: Records
    left_out: frozenset[str]
    future: Future
    reading: dict[Slot, Callable[[], Content]]
    """What was planned and is under way."""
    damaged: list[Damaged]

    def content(self, slot: Slot) -> Content:
        """The bytes of a scene, planned or not; raises as `Records.checked` does."""
        under_way = self.reading.get(slot)
        return under_way() if under_way else self.records.checked(slot.scene, self.future)


def check_usable(scene: Scene) -> None:
    """`BadInput` where a scene is whole by its checksum, but nothing to train on."""
    if not len(scene):
        raise BadInput("it has no points")
    if not np.isfinite(scene.coord).all():
        raise BadInput("coord is not finite everywhere")


def open_records(place: Place, split: str, access: Access = PLAIN) -> Records:
    """The records of a split, opened once a process."""
    return _open(place, split, access)


@cache
def _open(place: Place, split: str, access: Access) -> Records:
    return Records.open(place, split, access, _notes().append)


@cache
def _notes() -> deque[str]:
    """The newest sentences about repetitions in this process."""
    return deque(maxlen=_MOST_NOTES)


def _taken_notes() -> tuple[str, ...]:
    notes = _notes()
    return tuple(notes.popleft() for _ in range(len(notes)))
