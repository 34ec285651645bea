"""Files that a crash leaves whole or absent: written aside, synced, renamed."""

import os
import secrets
from pathlib import Path


def write_durably(path: Path, content: bytes) -> None:
    """Make ``path`` hold ``content``: after a power cut, the old file or the new one is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = aside_of(path)
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    sync(path.parent)


def aside_of(path: Path) -> Path:
    """A new name beside ``path``, which no process of any machine writes to."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.writing")


def sync(path: Path) -> None:
    """Bring a file, or a folder's list of names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
