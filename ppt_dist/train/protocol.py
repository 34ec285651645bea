"""`Protocol`: how a domain's official tester looks at a scene; `configs/test/` has those we know.

They stand there and not in recipes, because a recipe's digest names packed shards, which a protocol
does not change.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveFloat

from ppt_dist.scene.augment.pose import Pose
from ppt_dist.section import BadInput, Section, nearest, read_toml

_PACKAGE = Path(__file__).resolve().parent.parent
SHIPPED = next(
    folder / "test"
    for folder in (_PACKAGE / "configs", _PACKAGE.parent / "configs")
    if folder.is_dir()
)
"""Folder of the protocols that come with the package."""


class Protocol(Section):
    """A file of ``configs/test/``."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    domains: tuple[str, ...] = ()
    """Those that are tested so where nothing else is asked for."""
    poses: Annotated[tuple[Pose, ...], Field(min_length=1)]
    """A scene is seen once in each, and voted on in all."""
    before: Mapping[str, PositiveFloat] = {}
    """Edge of the cells that a domain's scenes are thinned to first, metres."""


def find_protocol(name_or_path: str) -> Protocol:
    """A protocol by its name, or from a file.

    Raises:
        BadInput: there is none, or it does not parse.
    """
    path = Path(name_or_path)
    shipped = _shipped()
    if name_or_path in shipped:
        return read_toml(Protocol, shipped[name_or_path])
    if path.suffix == ".toml":
        return read_toml(Protocol, path)
    raise BadInput(f"no protocol {name_or_path!r}: {nearest(name_or_path, [*shipped])}, or a file")


def protocol_of(domain: str) -> Protocol:
    """The protocol that lists the domain; `BadInput` where none does."""
    known = [read_toml(Protocol, path) for path in _shipped().values()]
    for protocol in known:
        if domain in protocol.domains:
            return protocol
    listed = ", ".join(f"{p.name} ({', '.join(p.domains) or 'no domain'})" for p in known)
    raise BadInput(f"no protocol lists the domain {domain!r}: name one of {listed}, or a file")


def _shipped() -> dict[str, Path]:
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}
