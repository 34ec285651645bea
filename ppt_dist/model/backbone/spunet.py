"""SparseUNet (SpUNet-v1m3): a residual U-Net of sparse convolutions; every norm is the adapter's."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from ppt_dist.section import Section

Counts = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]


class SpUNetConfig(Section):
    """Widths and depths; the defaults are the published model's."""

    kind: Literal["spunet"] = "spunet"
    stem_channels: PositiveInt = 32
    stem_kernel: Literal[3, 5] = 5
    encoder_channels: Counts = (32, 64, 128, 256)
    encoder_depths: Counts = (2, 3, 4, 6)
    """Residual blocks of each stage."""
    decoder_channels: Counts = (96, 96, 128, 256)
    """From the finest stage to the coarsest."""
    decoder_depths: Counts = (2, 2, 2, 2)

    @model_validator(mode="after")
    def _same_stages(self) -> "SpUNetConfig":
        lengths = {
            len(self.encoder_channels),
            len(self.encoder_depths),
            len(self.decoder_channels),
            len(self.decoder_depths),
        }
        if len(lengths) > 1:
            raise ValueError("encoder and decoder channels and depths must have equal lengths")
        return self
