"""The image is built from pinned parts, by rules that need no Docker; it cannot be built here."""

import re
import shlex
import tomllib
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

from ppt_dist.launch.spec import ClusterSpec, find_spec
from tests.test_quickstart import blocks

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "Dockerfile"
IGNORE = ROOT / ".dockerignore"
SECRET = re.compile(r"(?i)(passw|secret|token|api_?key|credential)")


class Line(NamedTuple):
    """An instruction and what follows it."""

    instruction: str
    rest: str


def instructions(text: str) -> list[Line]:
    """All of them, continued lines joined and comments left out."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n", " ", kept)
    words = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [Line(first.upper(), " ".join(rest)) for first, *rest in words]


def of(instruction: str) -> list[str]:
    return [
        line.rest
        for line in instructions(DOCKERFILE.read_text())
        if line.instruction == instruction
    ]


def default(argument: str) -> str:
    found = dict(rest.split("=", 1) for rest in of("ARG") if "=" in rest)
    return found[argument].strip('"')


def is_pinned(image: str) -> bool:
    """Whether the tag says a version; that of a digest always does."""
    _, _, tag = image.rpartition("/")[2].partition(":")
    return "@sha256:" in image or bool(re.match(r"\d+\.\d+", tag))


def bases() -> list[str]:
    """Of the Dockerfile, and those that the page on GPUs gives by argument."""
    page = (ROOT / "docs/gpu.md").read_text("utf-8")
    named = [rest.replace("${BASE}", default("BASE")) for rest in of("FROM")]
    return [*named, *re.findall(r"--build-arg BASE=(\S+)", page)]


def is_sent(path: str) -> bool:
    """Whether `.dockerignore` lets a path of the checkout through; the last pattern that fits."""
    sent = True
    for pattern in IGNORE.read_text().splitlines():
        if pattern and not pattern.startswith("#"):
            fits = any(
                PurePosixPath(part).match(pattern.lstrip("!").removeprefix("**/"))
                for part in ("/".join(path.split("/")[: n + 1]) for n in range(path.count("/") + 1))
            )
            sent = pattern.startswith("!") if fits else sent
    return sent


@pytest.mark.parametrize("image", bases())
def test_a_base_has_a_pinned_tag(image):
    assert is_pinned(image)


@pytest.mark.parametrize("image", ["python", "python:latest", "python:slim", "host:5000/python"])
def test_a_base_without_a_version_is_seen_by_these_tests(image):
    assert not is_pinned(image)


def test_the_base_is_an_argument_and_every_stage_starts_from_it():
    first = instructions(DOCKERFILE.read_text())[0]

    assert first == Line("ARG", f"BASE={default('BASE')}")
    assert of("FROM") == ["${BASE}"]


def test_the_image_does_not_run_as_root():
    *_, user = of("USER")

    assert int(user) >= 1000


def test_nothing_is_installed_after_root_is_left():
    order = [line.instruction for line in instructions(DOCKERFILE.read_text())]

    assert "RUN" not in order[order.index("USER") :]


def test_every_pip_install_is_held_by_the_constraints_and_torch_comes_first():
    installs = [shlex.split(run.split("pip install", 1)[1]) for run in of("RUN") if "pip " in run]

    assert len(installs) == 2
    for words in installs:
        assert words[words.index("-c") + 1] == "constraints.txt"
        assert "--no-cache-dir" in words
    assert installs[0][-2:] == ["torch", "torchvision"]
    assert installs[1][-1] == "."


def test_torch_is_pinned_alike_by_the_project_and_the_constraints():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pinned = (ROOT / "constraints.txt").read_text().splitlines()

    for name in ("torch", "torchvision"):
        (pin,) = [line for line in wanted if re.match(rf"{name}==", line)]
        assert pin in pinned


def test_what_is_copied_exists_and_is_sent_to_the_builder():
    sources = [source for rest in of("COPY") for source in shlex.split(rest)[:-1]]

    assert sources
    assert not of("ADD")
    for source in sources:
        assert (ROOT / source).exists(), source
        assert is_sent(source), source


def test_what_the_wheel_is_made_of_is_copied():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    facts = project["project"]
    needed = {*wheel["packages"], *wheel["force-include"], facts["readme"], *facts["license-files"]}
    copied = {source for rest in of("COPY") for source in shlex.split(rest)[:-1]}

    assert needed <= copied


@pytest.mark.parametrize(
    "path",
    [
        *(".git/config", ".venv/bin/pip", ".env", "demo/runs/demo/run.toml", "ray.token"),
        *("runs/first/events/rank-0.jsonl", "shards/s3dis/train-000000.tar"),
        *("shards/s3dis/manifest.json", "ppt_dist/cli/__pycache__/text.pyc", "tests/conftest.py"),
    ],
)
def test_data_history_and_secrets_are_not_sent_to_the_builder(path):
    assert not is_sent(path)


def test_no_secret_is_an_argument_or_in_the_environment():
    for rest in (*of("ARG"), *of("ENV")):
        assert not SECRET.search(rest), rest


def test_the_entry_is_the_command_line():
    assert of("ENTRYPOINT") == ['["ppt-dist"]']


def test_the_cluster_file_of_the_page_on_gpus_is_taken(tmp_path):
    page = blocks((ROOT / "docs/gpu.md").read_text("utf-8"))
    (block,) = [block for block in page if block.info == "toml"]
    path = tmp_path / str(block.name)
    path.write_text(block.text)

    spec = find_spec(str(path))

    assert isinstance(spec, ClusterSpec)
    assert spec.gpus == 4
