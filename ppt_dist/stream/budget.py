"""A budget of voxels, held against the most that a rank can ever get of a micro-lot."""

from collections.abc import Mapping
from math import ceil
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from ppt_dist.section import BadInput
from ppt_dist.stream.plan import LotShape


class Sizes(NamedTuple):
    """How large the scenes of a domain can be once they are voxels."""

    points: Int64[np.ndarray, " scenes"]
    """A scene has no more voxels than points."""
    lot: int
    """Scenes of its largest lot."""
    crop: int | None
    """Most voxels of a scene."""
    crop_share: float | None
    """Part of a scene's voxels that is kept before that."""
    copies: int = 2
    """Times that a lot can hold one scene, in different epochs."""

    def voxels(self) -> Int64[np.ndarray, " scenes"]:
        """Most of each scene."""
        most = self.points
        if self.crop_share is not None:
            most = np.maximum((self.crop_share * most).astype(np.int64), 1)
        return most if self.crop is None else np.minimum(most, self.crop)


def most_scenes(lot: int, shape: LotShape, ranks: int) -> int:
    """Scenes that a rank may hold of a micro-lot, both of a pair counted."""
    micro = ceil(lot / shape.micro)
    alone = ceil(micro / ranks) if shape.mix < 1 else 0
    paired = 2 * ceil(ceil(micro / 2) / ranks) if shape.mix else 0
    return min(max(alone, paired), micro)


def most_voxels(sizes: Sizes, shape: LotShape, ranks: int) -> int:
    """Voxels that a rank may hold of a micro-lot of the domain, whichever scenes meet.

    The sum of the largest scenes that can be together; a scene counts as often as a lot can hold
    it, which is more than once where a window runs over the end of an epoch.
    """
    held = most_scenes(sizes.lot, shape, ranks)
    largest = np.sort(sizes.voxels())[::-1][: ceil(held / sizes.copies)]
    return int(np.repeat(largest, sizes.copies)[:held].sum())


def check_budget(
    sizes: Mapping[str, Sizes], shape: LotShape, ranks: int, budget: int | None
) -> None:
    """Refuse lots of which a rank could get more voxels than the budget.

    Args:
        sizes: by domain.
        shape: of the lots; micro-lots are never made smaller to fit.
        ranks: the fewest that the run may have.
        budget: most voxels of a rank in a micro-lot; None is no limit.

    Raises:
        BadInput: names the domain, what may come together, and what would fit.
    """
    if budget is None:
        return
    for name, one in sizes.items():
        most = most_voxels(one, shape, ranks)
        if most > budget:
            held = most_scenes(one.lot, shape, ranks)
            raise BadInput(
                f"domain {name}: {held} scenes of {most:,} voxels may meet on one of {ranks} "
                f"ranks in a micro-lot, but engine.budget is {budget:,}: "
                f"{_remedy(one, shape, ranks, budget)}"
            )


def _remedy(sizes: Sizes, shape: LotShape, ranks: int, budget: int) -> str:
    """What would fit: a crop, or so many micro-lots."""
    crop = budget // most_scenes(sizes.lot, shape, ranks)
    ways = [f"set its crop to {crop:,} or less"] if crop else []
    for micro in range(shape.micro + 1, sizes.lot + 1):
        cut = shape._replace(micro=micro)
        if most_voxels(sizes, cut, ranks) <= budget:
            ways.append(f"set lots.micro to {micro} or more")
            break
    return ", or ".join([*ways, "raise the budget"])
