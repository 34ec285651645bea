"""Damage to any file: bits, cuts, splices, as disks and networks do it."""

from collections.abc import Callable

import numpy as np

from tests.fuzzing.base import Files, index_of, tars_of, with_true_crcs, with_true_sums

Damage = Callable[[np.random.Generator, bytes], bytes]


def flip(rng: np.random.Generator, content: bytes) -> bytes:
    """Some bits of the file change."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        changed[rng.integers(len(changed))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def cut(rng: np.random.Generator, content: bytes) -> bytes:
    """The end of the file is lost."""
    return content[: rng.integers(len(content))]


def lengthen(rng: np.random.Generator, content: bytes) -> bytes:
    """Something stands behind the end."""
    return content + rng.bytes(int(rng.integers(1, 2000)))


def splice(rng: np.random.Generator, content: bytes) -> bytes:
    """A piece of the file lies over another place."""
    size = int(rng.integers(1, 600))
    source, place = (int(rng.integers(len(content))) for _ in range(2))
    piece = content[source : source + size]
    return content[:place] + piece + content[place + len(piece) :]


def drop(rng: np.random.Generator, content: bytes) -> bytes:
    """A piece out of the middle is lost."""
    place, size = int(rng.integers(len(content))), int(rng.integers(1, 600))
    return content[:place] + content[place + size :]


def wipe(rng: np.random.Generator, content: bytes) -> bytes:
    """A block became zeros."""
    place = int(rng.integers(len(content))) // 512 * 512
    return content[:place] + bytes(len(content[place : place + 512])) + content[place + 512 :]


def noise(rng: np.random.Generator, content: bytes) -> bytes:
    """A block became noise."""
    place = int(rng.integers(len(content)))
    size = min(64, len(content) - place)
    return content[:place] + rng.bytes(size) + content[place + size :]


DAMAGES: tuple[Damage, ...] = (flip, cut, lengthen, splice, drop, wipe, noise)


def damage_any(rng: np.random.Generator, files: Files) -> Files:
    """One file is damaged."""
    return _damaged(rng, files, [*files])


def lose(rng: np.random.Generator, files: Files) -> Files:
    """A file is not there."""
    gone = str(rng.choice([*files]))
    return {name: content for name, content in files.items() if name != gone}


def exchange(rng: np.random.Generator, files: Files) -> Files:
    """Two files of a kind stand under each other's name."""
    kind = str(rng.choice([".tar", ".idx"]))
    a, b = rng.choice([n for n in files if n.endswith(kind)], 2, replace=False)
    return files | {str(a): files[b], str(b): files[a]}


def forge_tar(rng: np.random.Generator, files: Files) -> Files:
    """A tar is damaged, and index and manifest bear it out."""
    tar = str(rng.choice(tars_of(files)))
    return with_true_sums(with_true_crcs(_damaged(rng, files, [tar]), tar))


def forge_index(rng: np.random.Generator, files: Files) -> Files:
    """An index is damaged, and the manifest bears it out."""
    index = index_of(str(rng.choice(tars_of(files))))
    return with_true_sums(_damaged(rng, files, [index]))


def _damaged(rng: np.random.Generator, files: Files, names: list[str]) -> Files:
    name = names[rng.integers(len(names))]
    damage = DAMAGES[rng.integers(len(DAMAGES))]
    return files | {name: damage(rng, files[name])}
