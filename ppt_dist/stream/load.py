"""`Loader`: an order's scenes, read, augmented and voxelised; damaged ones have a stand-in."""

from collections.abc import Mapping
from functools import cache
from itertools import chain
from typing import NamedTuple

import numpy as np

from ppt_dist.journal.objects import Refused
from ppt_dist.scene.mix import mixed
from ppt_dist.scene.scene import Scene
from ppt_dist.scene.voxel import VoxelScene
from ppt_dist.section import BadInput
from ppt_dist.shard.access import PLAIN, Access
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
        units = [self._unit(order.domain, unit, damaged) for unit in order.units]
        return Loaded(
            [scene for scene, _ in units],
            self.voxelise[order.domain].width,
            tuple(chain.from_iterable(reads for _, reads in units)),
            tuple(damaged),
        )

    def _unit(
        self, domain: str, unit: Unit, damaged: list[Damaged]
    ) -> tuple[VoxelScene, list[Read]]:
        """A scene, or two mixed into one."""
        loaded = [self._scene(domain, slot, damaged) for slot in unit]
        scenes, reads = [scene for scene, _ in loaded], [read for _, read in loaded]
        if len(scenes) == 1:
            return scenes[0], reads
        first, second = scenes
        names = [(slot.epoch, scene.name) for slot, scene in zip(unit, scenes, strict=True)]
        return mixed(first, second, pair_generator(self.seed, domain, names)), reads

    def _scene(self, domain: str, slot: Slot, damaged: list[Damaged]) -> tuple[VoxelScene, Read]:
        """The planned scene, or the first that can stand in for it."""
        records = open_records(self.folders[domain], "train", self.access)
        planned = records.names[slot.scene]
        left_out = self.quarantined.get(domain, frozenset())
        for one in chain([slot], stand_ins(len(records), self.seed, domain, slot)):
            name = records.names[one.scene]
            if name in left_out:
                continue
            try:
                scene = records[one.scene]
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


@cache
def open_records(place: Place, split: str, access: Access = PLAIN) -> Records:
    """The records of a split, opened once a process."""
    return Records.open(place, split, access)
