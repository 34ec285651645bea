"""`LabelSet`: a domain's ordered class names, and the words that a text encoder is asked for."""

from pydantic import model_validator

from ppt_dist.scene.scene import UNLABELLED
from ppt_dist.section import Section


class LabelSet(Section):
    """Class ``i`` is called ``names[i]``; the text encoder sees ``words[i]``."""

    names: tuple[str, ...]
    words: tuple[str, ...]

    @model_validator(mode="after")
    def _well_formed(self) -> "LabelSet":
        if len(self.names) != len(self.words):
            raise ValueError(f"{len(self.names)} names but {len(self.words)} words")
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise ValueError(f"class names {repeated} stand twice")
        return self

    def __len__(self) -> int:
        return len(self.names)

    def outside(self, lowest: int, highest: int) -> bool:
        """Whether segments from ``lowest`` to ``highest`` leave the table."""
        return lowest < UNLABELLED or highest >= len(self.names)
