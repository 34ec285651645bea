"""`noise`: rows of Gaussian numbers."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32

from ppt_dist.scene.kernel import kernel


def noise(
    count: int, sigma: float, rng: np.random.Generator, clip: float = np.inf
) -> Float32[np.ndarray, "count 3"]:
    """Draws from N(0, ``sigma``), those beyond ``clip`` moved to it."""
    return _noise(count, np.float32(sigma), np.float32(clip), rng)


@kernel
@no_type_check
def _noise(
    count: int, sigma: np.float32, clip: np.float32, rng: np.random.Generator
) -> Float32[np.ndarray, "count 3"]:
    out = np.empty((count, 3), np.float32)
    for i in range(count):
        for k in range(3):
            drawn = np.float32(rng.standard_normal()) * sigma
            out[i, k] = min(max(drawn, -clip), clip)
    return out
