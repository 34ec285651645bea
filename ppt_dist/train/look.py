"""`Look`: a scored scene thinned to what one looks at, beside the evaluation that it came from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int16, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ppt_dist.journal.durable import write_durably
from ppt_dist.scene.scene import Scene
from ppt_dist.scene.voxel import grid_sample
from ppt_dist.section import BadInput

MOST = 40_000
"""Points that stay: a page with ten such scenes opens at once."""
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Look:
    """Some of a scene's points with what they are and what they were taken for."""

    scene: str
    coord: Float32[np.ndarray, "points 3"]
    """Metres, z up."""
    color: UInt8[np.ndarray, "points 3"] | None
    label: Int16[np.ndarray, " points"]
    prediction: Int16[np.ndarray, " points"]

    @staticmethod
    def of(scene: Scene, prediction: Int16[np.ndarray, " points"], edge: float) -> "Look":
        """One point for each voxel of ``edge`` metres; of more than `MOST`, evenly many."""
        chosen = grid_sample(scene.coord, edge).chosen
        if len(chosen) > MOST:
            dice = np.random.Generator(np.random.Philox(key=len(chosen)))
            chosen = np.sort(dice.choice(chosen, MOST, replace=False))
        seen = scene.take(chosen)
        return Look(scene.name, seen.coord, seen.color, seen.segment, prediction[chosen])

    def write(self, path: Path) -> None:
        """As tensors under the names of the fields."""
        tensors = {"coord": self.coord, "label": self.label, "prediction": self.prediction}
        tensors |= {} if self.color is None else {"color": self.color}
        content = save(
            {k: np.ascontiguousarray(v) for k, v in tensors.items()}, {"scene": self.scene}
        )
        write_durably(path, content)


def read_look(path: Path) -> Look:
    """What `Look.write` wrote; `BadInput` where it is something else."""
    try:
        with safe_open(path, "numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            return Look(
                scene=(file.metadata() or {})["scene"],
                coord=tensors["coord"],
                color=tensors.get("color"),
                label=tensors["label"],
                prediction=tensors["prediction"],
            )
    except (SafetensorError, OSError, KeyError) as error:
        raise BadInput(f"{path}: not a scored scene: {error}; run ppt-dist evaluate") from None
