"""``ppt-dist text``: class names to vectors, once."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ppt_dist.cli import app
from ppt_dist.section import BadInput
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.text.encode import SLOT, Encoder, encode_words
from ppt_dist.text.vectors import write_vectors


@app.command()
def text(
    out: Annotated[Path, typer.Option(help="File to write, safetensors.")],
    recipe: Annotated[
        list[str], typer.Option(help="Recipe (name or path) whose words are needed; repeatable.")
    ] = [],  # noqa: B006 - typer copies it
    word: Annotated[list[str], typer.Option(help="A further word; repeatable.")] = [],  # noqa: B006
    encoder: Annotated[str, typer.Option(help="minilm, or a model of open_clip.")] = "ViT-B-16",
    weights: Annotated[
        Path | None, typer.Option(help="The open_clip model's weights, safetensors.")
    ] = None,
    pretrained: Annotated[
        str | None,
        typer.Option(help="Weights by the name that open_clip's hub has for them: a download."),
    ] = None,
    template: Annotated[
        list[str],
        typer.Option(
            help=r"Text to encode, \[x] is the word; repeatable: the mean. \[x] alone if not given."
        ),
    ] = [],  # noqa: B006
    templates: Annotated[
        Path | None, typer.Option(help="File of further templates, one a line.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    r"""Turn the words of recipes into vectors for the language-guided head.

    Nothing is downloaded, unless weights are asked for with --pretrained.

    ppt-dist text --recipe scannet --recipe s3dis --weights ViT-B-16.safetensors --out clip.st

    ppt-dist text --encoder minilm --recipe scannet --word "night stand" --out minilm.st

    ppt-dist text --pretrained openai --recipe scannet --template "A point of \[x]" --out point.st
    """
    words = [*word, *(w for name in recipe for w in find_recipe(name)[0].labels.words)]
    read = _templates(template, templates)
    vectors = encode_words(_encoder(encoder, weights, pretrained), words, read)
    write_vectors(out, vectors)
    count, width = vectors.vectors.shape
    if as_json:
        facts = {"encoder": vectors.encoder, "version": vectors.version, "digest": vectors.digest()}
        facts |= {"template": vectors.template, "words": vectors.words, "width": width}
        typer.echo(json.dumps(facts))
    else:
        typer.echo(f"{out}: {count} words, {width} wide, by {vectors.encoder} ({vectors.version})")


def _templates(given: list[str], file: Path | None) -> str:
    """All of them, a line each; empty lines of the file are none."""
    try:
        lines = file.read_text("utf-8").splitlines() if file else []
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--templates {file}: cannot be read: {error}") from None
    return "\n".join([*given, *(line for line in lines if line.strip())] or [SLOT])


def _encoder(name: str, weights: Path | None, pretrained: str | None) -> Encoder:
    if weights is not None and pretrained is not None:
        raise BadInput("--weights and --pretrained both name weights: give one of them")
    if name == "minilm":
        if weights is not None or pretrained is not None:
            raise BadInput("--encoder minilm has its own weights: leave --weights and --pretrained")
        from ppt_dist.text.minilm import minilm

        return minilm()
    from ppt_dist.text.openclip import check_name, openclip, openclip_from_hub

    if pretrained is not None:
        return openclip_from_hub(name, pretrained)
    if weights is None:
        check_name(name)
        raise BadInput(
            f"--encoder {name} needs --weights FILE, or --pretrained NAME to download them"
        )
    return openclip(name, weights)
