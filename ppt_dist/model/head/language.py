"""Language-guided head: cosine of projected features and the vectors of the domain's own words.

PPT section 4.3 (arXiv 2308.09718); cross-entropy over these logits is InfoNCE with the domain's words.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import PositiveFloat

from ppt_dist.section import HOW, Section


class LanguageConfig(Section):
    """The head's vectors and temperature."""

    kind: Literal["language"] = "language"
    vectors: Annotated[Path, HOW]
    """Word vectors made by ``ppt-dist text``."""
    temperature: PositiveFloat = 0.01
    """Frozen. 0.01 is CLIP's trained one, as in the official code; 0.07 is CLIP's initial one."""
