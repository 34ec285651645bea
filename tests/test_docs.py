"""Documents are true: what they name exists, and the commands they show are taken."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from ppt_dist.cli import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *(ROOT / folder / "README.md" for folder in ("shards", "cluster", "configs", "configs/text")),
]
EACH = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
PLACES = (ROOT, ROOT / "ppt_dist", ROOT / "ppt_dist/shard", ROOT / "ppt_dist/synth")


@EACH
def test_every_link_leads_to_a_file(document):
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


@EACH
def test_every_path_of_this_project_exists(document):
    named = re.findall(
        r"`([\w./-]+/[\w.-]+\.(?:py|toml|tsv|md|safetensors))`", document.read_text()
    )
    for name in named:
        if "mine" not in name:
            assert any((place / name).exists() for place in PLACES), name


@EACH
def test_every_command_that_is_shown_is_taken(document):
    for command in commands(document.read_text()):
        check(command)


def test_a_command_that_does_not_exist_is_seen_by_these_tests():
    for wrong in ("ppt-dist trian run.toml", "ppt-dist pack scannet --row raw"):
        with pytest.raises(AssertionError):
            check(wrong)


def test_every_key_of_the_local_cluster_is_described():
    table = tomllib.loads((ROOT / "cluster/local.toml").read_text())
    train = table.pop("train")
    document = (ROOT / "cluster/README.md").read_text()
    for key in (*table, *(f"train.{key}" for key in train)):
        assert f"| `{key}` |" in document, key


def test_no_document_names_a_home_folder():
    for document in DOCUMENTS:
        assert not re.search(r"/(home|root|Users|work)/", document.read_text()), document


def commands(text):
    """Each ``ppt-dist ...``: a line of a block of code, or a whole word between backticks."""
    blocks = re.findall(r"^ *```[\w -]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    inline = re.findall(r"`(ppt-dist [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in (*lines, *(line.replace("\n", " ") for line in inline)):
        start = line.find("ppt-dist ")
        if start >= 0:
            yield line[start:]


def check(command):
    """The sub-command exists and has every option."""
    words = shlex.split(command, comments=True)[1:]
    here: Any = typer.main.get_command(app)
    while words and hasattr(here, "commands") and not words[0].startswith("-"):
        name = words.pop(0).rstrip(",.")
        assert name in here.commands, command
        here = here.commands[name]
    known = {option for parameter in here.params for option in parameter.opts} | {"--help"}
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in known, command
