"""The official configuration of a model, as JSON; an absent key is what its class takes."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, NonNegativeInt, PositiveFloat, PositiveInt

from ppt_dist.scene.scene import UNLABELLED
from ppt_dist.section import BadInput, Section, parse
from ppt_dist.train.published.layout import KnownLayout, known_layouts

_KINDS = ("PPT-v1m1", "PPT-v1m2")
_BACKBONE = "SpUNet-v1m3"


class SpUNet(Section):
    """SpUNet-v1m3. Channels and layers: encoder from fine to coarse, then decoder back."""

    type: Literal["SpUNet-v1m3"]
    in_channels: PositiveInt
    num_classes: NonNegativeInt = 0
    base_channels: PositiveInt = 32
    context_channels: PositiveInt = 256
    channels: tuple[PositiveInt, ...] = (32, 64, 128, 256, 256, 128, 96, 96)
    layers: tuple[PositiveInt, ...] = (2, 3, 4, 6, 2, 2, 2, 2)
    enc_mode: bool = False
    cls_mode: bool = False
    """What ``enc_mode`` was called before v1.5.2."""
    conditions: tuple[str, ...] | None = None
    zero_init: bool = True
    norm_decouple: bool = True
    norm_adaptive: bool = True
    norm_affine: bool = False


class CrossEntropyLoss(Section):
    """Mean over the labelled points of the batch."""

    type: Literal["CrossEntropyLoss"]
    reduction: Literal["mean"] = "mean"
    weight: None = None
    label_smoothing: Annotated[float, Field(ge=0, le=0)] = 0.0
    loss_weight: PositiveFloat = 1.0
    ignore_index: Literal[-1] = UNLABELLED


class LovaszLoss(Section):
    """Lovasz over the labelled points of the whole batch, mean over the classes that are there."""

    type: Literal["LovaszLoss"]
    mode: Literal["multiclass"]
    class_seen: None = None
    per_image: Literal[False] = False
    loss_weight: PositiveFloat = 1.0
    ignore_index: Literal[-1]


Criterion = Annotated[CrossEntropyLoss | LovaszLoss, Discriminator("type")]


class PPTConfig(Section):
    """PPT-v1m1 (language-guided) and PPT-v1m2 (a head for each condition)."""

    type: Literal["PPT-v1m1", "PPT-v1m2"]
    backbone: SpUNet
    criteria: tuple[Criterion, ...] = ()
    backbone_out_channels: PositiveInt = 96
    context_channels: PositiveInt = 256
    conditions: tuple[str, ...] | None = None
    backbone_mode: Literal[False] = False
    template: str | tuple[str, ...] = "[x]"
    clip_model: str = "ViT-B/16"
    class_name: tuple[str, ...] | None = None
    valid_index: tuple[tuple[NonNegativeInt, ...], ...] | None = None
    num_classes: tuple[PositiveInt, ...] | None = None

    def known(self) -> KnownLayout:
        """The layout with these keys, and those of the official classes where one is absent."""
        default = _default_layout()
        conditions = self.conditions or default.conditions
        lists = default.valid_index if self.valid_index is None else self._lists(conditions)
        return KnownLayout(
            conditions=conditions,
            norm_conditions=self.backbone.conditions or default.norm_conditions,
            class_name=self.class_name or default.class_name,
            valid_index=lists if self.type == "PPT-v1m1" else {},
        )

    def _lists(self, conditions: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
        lists = self.valid_index or ()
        if len(lists) != len(conditions):
            raise BadInput(f"valid_index has {len(lists)} lists for {len(conditions)} conditions")
        return dict(zip(conditions, lists, strict=True))


def read_config(path: Path) -> PPTConfig:
    """The configuration in ``path``: the model's table, or one that holds it as ``config``.

    Raises:
        BadInput: it is absent, or of a model that has no counterpart here; names file and key.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file: it has the model's official configuration") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not readable as JSON: {error}") from None
    model: Any = table
    for key in ("config", "model"):
        model = model[key] if isinstance(model, dict) and key in model else model
    if not isinstance(model, dict):
        raise BadInput(f"{path}: not a table of an official model")
    _supported(path, "model", model.get("type"), _KINDS)
    backbone = model.get("backbone")
    kind = backbone.get("type") if isinstance(backbone, dict) else None
    _supported(path, "backbone", kind, (_BACKBONE,))
    return parse(PPTConfig, model, path)


def _supported(path: Path, what: str, kind: object, known: tuple[str, ...]) -> None:
    if kind not in known:
        raise BadInput(f"{path}: {what} {kind!r} is not supported yet, only {' and '.join(known)}")


def _default_layout() -> KnownLayout:
    """That of the official classes, which is the indoor one."""
    return next(layout for layout in known_layouts() if layout.label_order)
