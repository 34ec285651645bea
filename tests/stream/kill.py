"""A rank that reads the stream and notes each step's bytes, to be killed: ``kill.py PACKED NOTE``.

It goes on behind the last whole line of its note, as a run does behind its checkpoint.
"""

import hashlib
import sys
from pathlib import Path

from ppt_dist.scene.augment import Jitter, Rotate
from ppt_dist.stream.fetch import Fetching
from ppt_dist.stream.plan import LotShape
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.stream import LotBatch, Source, open_stream
from ppt_dist.stream.voxelise import Voxelise

STEPS = 400
VOXELISE = Voxelise(0.1, ("color", "normal"), "unit", (Rotate(), Jitter()), crop=2000)
SHAPE = LotShape(scenes=3, micro=1, a_step=1, mix=0.3)


def digest(lots: tuple[LotBatch, ...]) -> str:
    """Of names, cells, features and labels."""
    parts = [(b.names, b.grid, b.feat, b.label) for lot in lots for b in lot.micro]
    digest = hashlib.sha256()
    for names, *arrays in parts:
        digest.update(repr(names).encode())
        digest.update(b"".join(array.numpy().tobytes() for array in arrays))
    return digest.hexdigest()


def main(packed: Path, note: Path, processes: int) -> None:
    """Note the digest of every step's bytes, one a line."""
    sources = {
        name: Source(packed / name, w, VOXELISE) for name, w in (("scannet", 2), ("s3dis", 1))
    }
    fetching = Fetching(processes, 8 << 20, sys.stderr.write)
    stream = open_stream(sources, SHAPE, 0, Rank(0, 1), fetching)
    done = note.read_bytes() if note.exists() else b""
    whole = done[: done.rfind(b"\n") + 1]
    note.write_bytes(whole)
    with note.open("ab", buffering=0) as file:
        for lots in stream.steps(whole.count(b"\n"), STEPS):
            file.write(digest(lots).encode() + b"\n")
    stream.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
