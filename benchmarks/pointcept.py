"""Measures nothing itself: Pointcept's transforms, chains and collation, from a checkout of it."""

import importlib.util
import runpy
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch

Data = dict[str, Any]
"""A scene as Pointcept's transforms hand it on; they change its arrays in place."""
Step = Callable[[Data], Data]

INDOOR = "configs/scannet/semseg-ppt-v1m1-0-sc-st-spunet.py"
OUTDOOR = "configs/nuscenes/semseg-ppt-v1m1-0-nu-sk-wa-spunet.py"
_MISSING = ("torchvision", "torchvision.transforms", "torch_scatter", "pointcept.models.utils")
"""Imported by the two files, and not used by the transforms of the two chains."""


class Pointcept(NamedTuple):
    """What is timed."""

    transforms: ModuleType
    collate: Callable[[list[Data]], Data]
    folder: Path

    def chain(self, config: str, data_set: str) -> list[tuple[str, Step]]:
        """The training transforms of a data set in a configuration, by name."""
        table = runpy.run_path(str(self.folder / config))["data"]["train"]["datasets"]
        (found,) = [one["transform"] for one in table if one["type"] == f"{data_set}Dataset"]
        return [(one["type"], self.transforms.TRANSFORMS.build(one)) for one in found]


def load_pointcept(folder: Path) -> Pointcept:
    """Run the two files of the checkout, without the packages around them."""
    sys.path.insert(0, str(folder))
    for name in _MISSING:
        sys.modules[name] = ModuleType(name)
    vars(sys.modules["torchvision"])["transforms"] = sys.modules["torchvision.transforms"]
    vars(sys.modules["torch_scatter"])["scatter_min"] = None
    vars(sys.modules["pointcept.models.utils"])["offset2batch"] = None
    transforms = _run(folder / "pointcept/datasets/transform.py")
    collate = _run(folder / "pointcept/datasets/utils.py").point_collate_fn
    return Pointcept(transforms, collate, folder)


def _run(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"checkout_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file: --pointcept takes a checkout of Pointcept")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def forced(step: Step) -> Step:
    """The step, always applied."""
    options = vars(step)
    if "distortion_params" in options:  # its probability is no option
        return lambda data: _bent(step, data)
    options.update({name: 1 for name in ("p", "dropout_application_ratio") if name in options})
    return step


def _bent(elastic: Any, data: Data) -> Data:
    for spacing, magnitude in elastic.distortion_params:
        data["coord"] = elastic.elastic_distortion(data["coord"], spacing, magnitude)
    return data


def mended(step: Step) -> Step:
    """What Collect gives without its loop over all points, whose result is thrown away."""
    options: Mapping[str, Any] = vars(step)

    def collect(data: Data) -> Data:
        chosen = {key: data[key] for key in options["keys"]}
        chosen["offset"] = torch.tensor([data["coord"].shape[0]])
        feat = [data[key].float() for key in options["kwargs"]["feat_keys"]]
        return chosen | {"feat": torch.cat(feat, dim=1)}

    return collect


def read_folder(folder: Path) -> Data:
    """A preprocessed scene."""
    data = typed({path.stem: np.load(path) for path in folder.iterdir()})
    return data | {"name": folder.name, "split": "train"}


def typed(arrays: dict[str, np.ndarray]) -> Data:
    """Copies of the types that Pointcept's ``get_data`` gives."""
    types = {"segment": np.int32, "instance": np.int32}
    return {name: array.astype(types.get(name, np.float32)) for name, array in arrays.items()}
