"""The quickstart is true: its blocks run as they stand, in their order, in one empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.test_docs import check, commands

ROOT = Path(__file__).parents[1]
QUICKSTART = (ROOT / "docs/quickstart.md").read_text("utf-8")
FENCED = re.compile(r"^```([^\n]*)\n(.*?)^``` *$", re.MULTILINE | re.DOTALL)
SAVED = re.compile(r"Save as `([\w./-]+)`:\n+\Z")
RUN, NOT_RUN, FILE = "bash", "bash not-run", "toml"


class Block(NamedTuple):
    """A fenced block of the page."""

    info: str
    text: str
    name: str | None
    """Of the file that the line before tells to save it as."""


def blocks(document: str) -> list[Block]:
    """All of them, in their order."""
    found = []
    for match in FENCED.finditer(document):
        saved = SAVED.search(document[: match.start()])
        found.append(Block(match[1].strip(), match[2], saved and saved[1]))
    return found


@pytest.mark.slow
@pytest.mark.ray
def test_what_the_page_shows_can_be_done_from_raw_scans_to_a_report(tmp_path):
    for block in blocks(QUICKSTART):
        if block.info == FILE:
            (tmp_path / str(block.name)).write_text(block.text)
        elif block.info == RUN:
            execute(block.text, tmp_path)

    for made in (
        *("runs/first/report.html", "comparison.html"),
        *(
            f"labelled/{name}.{kind}"
            for name in ("room", "office")
            for kind in ("npy", "ply", "png")
        ),
    ):
        assert (tmp_path / made).stat().st_size, made


def test_every_block_is_run_but_those_that_need_what_is_not_here():
    found = blocks(QUICKSTART)

    assert {block.info for block in found} == {RUN, NOT_RUN, FILE}
    assert [block.text for block in found if block.info == NOT_RUN] == [
        'make install\nexport PATH="$PWD/.venv/bin:$PATH"\n',
        "ppt-dist pack scannet --raw /data/scannet --out /data/shards --workers 8 --complete\n",
        "ppt-dist text --encoder ViT-B-16-quickgelu --weights ViT-B-16.safetensors "
        "--recipe scannet --recipe s3dis --out words.safetensors\n",
        "ray job submit --address http://127.0.0.1:8265 -- "
        "ppt-dist train /shared/run.toml --ranks 2\n",
    ]


def test_every_run_file_of_the_page_says_where_it_is_saved():
    assert [block.name for block in blocks(QUICKSTART) if block.info == FILE] == ["run.toml"]


def test_commands_that_are_not_run_are_taken_all_the_same():
    left_out = [block.text for block in blocks(QUICKSTART) if block.info == NOT_RUN]
    shown = [line for text in left_out for line in commands(f"```\n{text}```\n")]

    assert len(shown) == 3
    for command in shown:
        check(command)


def test_a_block_that_fails_is_shown_with_what_it_printed(tmp_path):
    with pytest.raises(pytest.fail.Exception) as failure:
        execute("echo before\nppt-dist plan absent.toml\necho after\n", tmp_path)

    told = str(failure.value)
    assert "ppt-dist plan absent.toml" in told
    assert "before\nerror: absent.toml" in told
    assert "\nafter\n" not in told.split("printed:")[1]


def execute(text: str, folder: Path) -> None:
    """Run a block as a reader would who has the environment's programs on the path."""
    programs = str(Path(sys.executable).parent)
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    env |= {
        "PATH": f"{programs}{os.pathsep}{env['PATH']}",
        "OMP_NUM_THREADS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.fail(f"exit code {done.returncode}:\n{text}\nprinted:\n{done.stdout}")
