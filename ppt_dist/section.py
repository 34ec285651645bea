"""`Section`: a frozen table of a TOML file; an unknown key is an error naming the nearest one."""

import difflib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

HOW = "how"
"""Metadata of a field that may change at a restart; any other says *what* is trained."""


class BadInput(ValueError):
    """What was given cannot be used; the text says what it was, what is allowed and what to do."""


class Section(BaseModel):
    """A table of a TOML or JSON file: frozen, strictly typed, without unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


class ByKind(NamedTuple):
    """Annotates a union of sections that are told apart by ``kind``.

    The first is meant where ``kind`` is absent. A union of one is one too.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        members = get_args(source) or (source,)
        choices: dict[Any, CoreSchema] = {_tag(m): handler.generate_schema(m) for m in members}
        first = _tag(members[0])

        def kind(table: Any) -> Any:
            if isinstance(table, Section):
                return _tag(type(table))
            return str(table.get("kind", first)) if isinstance(table, dict) else None

        return core_schema.tagged_union_schema(choices, discriminator=kind)


S = TypeVar("S", bound=Section)


def parse(section: type[S], table: object, source: Path | str) -> S:
    """The table as a ``section``.

    Raises:
        BadInput: a key is unknown, missing or of the wrong type; names ``source`` and the key.
    """
    try:
        return section.model_validate_json(json.dumps(table))
    except ValidationError as error:
        lines = [f"  {_explain(section, dict(item))}" for item in error.errors()]
        raise BadInput(f"{source}:\n" + "\n".join(lines)) from None


def read_toml(section: type[S], path: Path) -> S:
    """The TOML file at ``path`` as a ``section``; `BadInput` where it is absent or wrong."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not a TOML file: {error}") from None
    return parse(section, table, path)


def nearest(word: str, known: Iterator[str] | list[str]) -> str:
    """``did you mean 'x'? known: ...`` for an error about ``word``."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.0)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(names) or 'none'}"


def _explain(section: type[Section], error: dict[str, Any]) -> str:
    """One line for one of pydantic's errors: the key's path, the reason, what was given."""
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        *path, key = error["loc"]
        return f"unknown key {where!r}: {nearest(str(key), _keys_at(section, path))}"
    if error["type"] == "missing":
        return f"missing key {where!r}"
    given = json.dumps(error["input"], default=str)
    return f"{where}: {error['msg']} (given {given[:80]})"


def _keys_at(section: type[Section], path: list[str | int]) -> list[str]:
    """Keys that the table at ``path`` below ``section`` may hold."""
    here = [section]
    for part in path:
        fields = [s.model_fields[part].annotation for s in here if part in s.model_fields]
        if fields:
            here = [inner for annotation in fields for inner in _sections_in(annotation)]
        else:  # an index, a key of a mapping, or the tag of a union
            here = [s for s in here if _tag(s) == part] or here
    return [key for s in here for key in s.model_fields]


def _tag(section: type[Section]) -> object:
    kind = section.model_fields.get("kind")
    return kind.default if kind else None


def _sections_in(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from _sections_in(inner)
