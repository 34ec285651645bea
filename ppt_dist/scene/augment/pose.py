"""`Pose`: a fixed way to place a scene, of which a test-time augmentation has several."""

from dataclasses import replace

import numpy as np
from pydantic import PositiveFloat

from ppt_dist.scene.augment.geometry import rotation
from ppt_dist.scene.rows import mapped, scaled
from ppt_dist.scene.scene import Scene
from ppt_dist.section import Section


class Pose(Section):
    """Turned about z through the origin, then scaled, then mirrored; nothing is drawn.

    Pointcept's RandomRotateTargetAngle, RandomScale and RandomFlip with all that is random fixed.
    """

    turn: float = 0.0
    """Angle in units of pi, right-handed."""
    scale: PositiveFloat = 1.0
    """Factor on all coordinates."""
    flip: bool = False
    """Mirrors x and y, both: the official flip at probability 1. It is the half turn."""

    def __call__(self, scene: Scene) -> Scene:
        """The scene in this pose, with its normals."""
        coord, normal = scene.coord, scene.normal
        if self.turn:
            turn = rotation("z", self.turn * np.pi)
            coord = mapped(coord, turn, np.zeros(3))
            normal = None if normal is None else mapped(normal, turn, np.zeros(3))
        if self.scale != 1:
            coord = scaled(coord, np.full(3, self.scale))
        if self.flip:
            sign = np.array([-1.0, -1.0, 1.0])
            coord, normal = scaled(coord, sign), None if normal is None else scaled(normal, sign)
        return replace(scene, coord=coord, normal=normal)
