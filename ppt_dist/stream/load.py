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
from ppt_dist.shard.member import Content
from ppt_dist.shard.place import Place
from ppt_dist.shard.records import Records
from ppt_dist.stream.plan import Slot, Unit
from ppt_dist.stream.read import Damaged, Read
from ppt_dist.stream.stand_in import stand_ins
from ppt_dist.stream.voxelise import Voxelise, pair_generator, scene_generator


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


_MOST_NOTES = 1000
Coming = dict[int, Callable[[], Content]]
"""Records on their way: each function waits for its bytes."""


class Loader(NamedTuple):
    """How an order becomes voxels; every process has its copy."""

    folders: Mapping[str, Place]
    voxelise: Mapping[str, Voxelise]
    seed: int
    quarantined: Mapping[str, frozenset[str]]
    """Scenes of each domain that are not read any more."""
    access: Access = PLAIN

    def __call__(self, order: Order) -> Loaded:
        """The scenes, augmented; the same bytes in every process.

        Raises:
            BadInput: no scene of the domain can be read, or none may be.
            Unreachable: the store could not be read in all repetitions.
        """
        damaged: list[Damaged] = []
        coming = self._begin(order)
        units = [self._unit(order.domain, unit, coming, damaged) for unit in order.units]
        return Loaded(
            [scene for scene, _ in units],
            self.voxelise[order.domain].width,
            tuple(chain.from_iterable(reads for _, reads in units)),
            tuple(damaged),
            _taken_notes(),
        )

    def _begin(self, order: Order) -> Coming:
        """Start to read the planned scenes, so that a store's delays overlap."""
        records = self._records(order.domain)
        left_out = self.quarantined.get(order.domain, frozenset())
        planned = {slot.scene for unit in order.units for slot in unit}
        wanted = sorted(i for i in planned if records.names[i] not in left_out)
        return dict(zip(wanted, records.begin(wanted), strict=True))

    def _records(self, domain: str) -> Records:
        return open_records(self.folders[domain], "train", self.access)

    def _unit(
        self, domain: str, unit: Unit, coming: Coming, damaged: list[Damaged]
    ) -> tuple[VoxelScene, list[Read]]:
        """A scene, or two mixed into one."""
        loaded = [self._scene(domain, slot, coming, damaged) for slot in unit]
        scenes, reads = [scene for scene, _ in loaded], [read for _, read in loaded]
        if len(scenes) == 1:
            return scenes[0], reads
        first, second = scenes
        names = [(slot.epoch, scene.name) for slot, scene in zip(unit, scenes, strict=True)]
        return mixed(first, second, pair_generator(self.seed, domain, names)), reads

    def _scene(
        self, domain: str, slot: Slot, coming: Coming, damaged: list[Damaged]
    ) -> tuple[VoxelScene, Read]:
        """The planned scene, or the first that can stand in for it."""
        records = self._records(domain)
        planned = records.names[slot.scene]
        left_out = self.quarantined.get(domain, frozenset())
        for one in chain([slot], stand_ins(len(records), self.seed, domain, slot)):
            name = records.names[one.scene]
            if name in left_out:
                continue
            try:
                read = coming.get(one.scene, partial(records.checked, one.scene))
                scene = records.decode(one.scene, read())
                check_usable(scene)
                rng = scene_generator(self.seed, domain, one.epoch, name)
                voxels = self.voxelise[domain].train(scene, rng)
            except Refused:
                raise
            except BadInput as error:
                damaged.append(Damaged(name, str(error)))
                continue
            replaced = "" if one is slot else planned
            return voxels, Read(scene.name, records.seal(one.scene), replaced)
        reasons = "".join(f"\n  {bad.name}: {bad.reason}" for bad in damaged[:10])
        raise BadInput(
            f"domain {domain}: none of its {len(records)} training scenes can be read, or all are "
            f"quarantined:{reasons}\nsee ppt-dist validate {self.folders[domain]}"
        )


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
