"""Our model against stored results of the official one: logits, losses, statistics, gradients."""

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ppt_dist.model.ppt import PPT
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.section import BadInput
from ppt_dist.train.published.config import PPTConfig, read_config
from ppt_dist.train.published.convert import Tensors, adopt, publish
from ppt_dist.train.published.counterpart import counterpart, layout_of
from ppt_dist.train.published.criteria import losses
from ppt_dist.train.published.layout import Layout

FP32_LOGITS, FP64, STORED = 1e-4, 1e-9, 1e-6
"""Largest differences allowed: of float32 logits, of float64 logits and losses, and, as a share of
a tensor's largest entry, of what is stored in float32."""

SMALL = 1e-6
"""A gradient or statistic whose largest entry is less counts as this large: what should be zero
is rounding in both."""

_FAR = torch.iinfo(torch.int32).max
"""A coordinate that far is refused by the kernel maps, as any beyond their range."""

Arrays = Mapping[str, np.ndarray]


class Difference(NamedTuple):
    """The largest difference within one kind of results."""

    value: float
    """Absolute for logits and losses; for the rest as a share of the tensor's largest entry."""
    tolerance: float
    where: str = ""
    """The official name of the tensor, where there are several."""

    @property
    def passed(self) -> bool:
        """Whether it is within the tolerance; what is not a number is not."""
        return self.value <= self.tolerance


class Case(NamedTuple):
    """The official weights and inputs, and our model of them."""

    arrays: Arrays
    config: PPTConfig
    layout: Layout
    official: Tensors
    model: PPT

    @staticmethod
    def open(path: Path) -> "Case":
        """The case in ``path`` and the configuration beside it; `BadInput` where they misfit."""
        config = read_config(path.with_suffix(".json"))
        arrays = _read(path)
        _check_inputs(path, arrays, config.backbone.in_channels)
        official = {k: torch.from_numpy(v) for k, v in _below(arrays, "sd/").items()}
        layout = layout_of(config, official)
        try:
            return Case(arrays, config, layout, official, counterpart(config, layout, official))
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None

    def conditions(self) -> list[str]:
        """Those with stored results, in the order of the configuration.

        Raises:
            BadInput: a condition has some of its results and not its logits.
        """
        stored = {
            name.split("/")[1] for name in self.arrays if name.startswith(("eval/", "train/"))
        }
        found = [c for c in self.layout.conditions if c in stored]
        torn = [c for c in found if f"eval/{c}/logits64" not in self.arrays]
        if torn:
            raise BadInput(f"results of {', '.join(torn)} are stored without eval/<it>/logits64")
        return found

    def fresh(self, dtype: torch.dtype) -> PPT:
        """The model as stored, in ``dtype``."""
        self.model.load_state_dict(adopt(self.official, self.model.state_dict(), self.layout))
        self.model.zero_grad(set_to_none=True)
        return self.model.to(dtype)

    def batch(self, condition: str, dtype: torch.dtype) -> SceneBatch:
        """The stored input, as of ``condition``."""
        inputs = {k: torch.from_numpy(v) for k, v in _below(self.arrays, "in/").items()}
        return SceneBatch(
            domain=self.layout.domains[condition],
            names=tuple(str(i) for i in range(len(inputs["offset"]))),
            grid=inputs["grid_coord"].clamp(max=_FAR).int(),
            feat=inputs["feat"].to(dtype),
            label=inputs["segment"].long(),
            offset=inputs["offset"].long(),
        )


def parity(path: Path) -> dict[str, dict[str, Difference]]:
    """The largest differences by condition and kind of result.

    Args:
        path: an ``.npz`` of inputs ``in/``, weights ``sd/`` and results ``eval/``, ``train/``, with
            the official configuration beside it as ``.json``.

    Raises:
        BadInput: the files are absent or damaged, of a model that is not supported, or without
            results.
    """
    case = Case.open(path)
    try:
        conditions = case.conditions()
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    if not conditions:
        raise BadInput(f"{path}: no results of {', '.join(case.layout.conditions)}")
    return {c: dict([*_evaluate(case, c), *_train(case, c)]) for c in conditions}


def _evaluate(case: Case, condition: str) -> Iterator[tuple[str, Difference]]:
    """Logits in evaluation mode; an exact run would give the ones of float64."""
    stored = case.arrays[f"eval/{condition}/logits64"]
    for name, dtype, tolerance in (
        ("logits32", torch.float32, FP32_LOGITS),
        ("logits64", torch.float64, FP64),
    ):
        model = case.fresh(dtype).eval()
        with torch.no_grad():
            logits = model(case.batch(condition, dtype))
        yield name, _absolute(logits, stored, tolerance)


def _train(case: Case, condition: str) -> Iterator[tuple[str, Difference]]:
    """One forward and backward in float64 with the statistics of the batch."""
    stored = _below(case.arrays, f"train/{condition}/")
    if "loss" not in stored:
        return
    if not case.config.criteria:
        raise BadInput(f"train/{condition}/loss is stored, but the configuration has no criteria")
    model, batch = case.fresh(torch.float64).train(), case.batch(condition, torch.float64)
    logits = model(batch)
    parts = losses(case.config.criteria, batch, logits)
    yield "loss", _absolute(parts.sum(), stored["loss"], FP64)
    if "loss_parts" in stored:
        yield "loss_parts", _absolute(parts, stored["loss_parts"], FP64)
    yield "statistics", _statistics(case, model, _below(stored, "after/"))
    expected = _below(stored, "grad/")
    if expected:
        parts.sum().backward()
        yield "gradients", _gradients(case, model, expected)


def _statistics(case: Case, model: PPT, stored: Arrays) -> Difference:
    running = {n: v for n, v in model.state_dict().items() if ".running." in n}
    found = publish(running, case.layout, {})
    changed = {k for k, v in found.items() if not torch.equal(v, case.official[k].to(v))}
    return _relative(found, changed, stored)


def _gradients(case: Case, model: PPT, stored: Arrays) -> Difference:
    found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    official = publish(found, case.layout, {})
    return _relative(official, {k for k, v in official.items() if v.any()}, stored)


def _absolute(found: Tensor, stored: np.ndarray, tolerance: float) -> Difference:
    expected = torch.from_numpy(np.asarray(stored, np.float64))
    if found.shape != expected.shape:
        raise BadInput(f"stored are results {list(expected.shape)}, ours are {list(found.shape)}")
    return Difference(_largest(found.detach().double() - expected), tolerance)


def _relative(found: Tensors, changed: Iterable[str], stored: Arrays) -> Difference:
    """The largest share over all tensors; one that one side alone has differs by all of it."""
    worst = Difference(0.0, STORED)
    for key in dict.fromkeys([*stored, *changed]):
        share = _share(found[key], stored[key]) if key in found and key in stored else 1.0
        if not share <= worst.value:
            worst = Difference(share, STORED, key)
    return worst


def _share(found: Tensor, stored: np.ndarray) -> float:
    expected = torch.from_numpy(np.asarray(stored, np.float64))
    if found.shape != expected.shape:
        return 1.0
    return _largest(found.double() - expected) / max(_largest(expected), SMALL)


def _largest(tensor: Tensor) -> float:
    return float(tensor.abs().max()) if tensor.numel() else 0.0


def _check_inputs(path: Path, arrays: Arrays, channels: int) -> None:
    """`BadInput` where the stored batch is not one for a model of so many input channels."""
    rows, ends = len(arrays["in/grid_coord"]), arrays["in/offset"]
    for name, shape in (
        ("in/grid_coord", (rows, 3)),
        ("in/feat", (rows, channels)),
        ("in/segment", (rows,)),
    ):
        if arrays[name].shape != shape:
            raise BadInput(f"{path}: {name} has shape {arrays[name].shape}, not {shape}")
    if ends.ndim != 1 or not len(ends) or ends[-1] != rows or (np.diff(ends, prepend=0) < 0).any():
        raise BadInput(f"{path}: in/offset does not rise to {rows}, the number of rows")


def _below(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path}: not a whole .npz of arrays ({error})") from None
    needed = ("in/grid_coord", "in/feat", "in/offset", "in/segment")
    absent = [name for name in needed if name not in arrays]
    if absent:
        raise BadInput(f"{path}: has no {', '.join(absent)}")
    return arrays
