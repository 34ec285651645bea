"""`Pose`: a fixed way to place a scene, of which a test-time augmentation has several."""

from dataclasses import replace

import numpy as np
from pydantic import PositiveFloat

from ppt_dist.scene.augment.geometry import rotation, turned
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
            coord = turned(coord, turn)
            normal = None if normal is None else turned(normal, turn)
        if self.scale != 1:
            coord = coord * np.float32(self.scale)
        if self.flip:
            sign = np.array([-1, -1, 1], np.float32)
            coord, normal = coord * sign, None if normal is None else normal * sign
        return replace(scene, coord=coord, normal=normal)
