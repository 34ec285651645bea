"""A scene without structure."""

import numpy as np
import pytest

from ppt_dist.scene.scene import Scene


@pytest.fixture
def scene() -> Scene:
    """300 points with colours and unit normals, away from the origin."""
    rng = np.random.default_rng(7)
    normal = rng.normal(size=(300, 3))
    return Scene(
        name="cloud",
        coord=(rng.random((300, 3)) * (4, 3, 2) + (10, -20, 1)).astype(np.float32),
        segment=rng.integers(-1, 5, 300).astype(np.int16),
        instance=rng.integers(-1, 9, 300).astype(np.int32),
        color=rng.integers(0, 256, (300, 3)).astype(np.uint8),
        normal=(normal / np.linalg.norm(normal, axis=1, keepdims=True)).astype(np.float32),
    )
