"""``ppt-dist text``: class names to vectors, once."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ppt_dist.cli import app
from ppt_dist.section import BadInput
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.text.encode import Encoder, encode_words
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
    template: Annotated[str, typer.Option(help=r"Text to encode; \[x] is the word.")] = "[x]",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Turn the words of recipes into vectors for the language-guided head; nothing is downloaded.

    ppt-dist text --recipe scannet --recipe s3dis --weights ViT-B-16.safetensors --out clip.st

    ppt-dist text --encoder minilm --recipe scannet --word "night stand" --out minilm.st
    """
    words = [*word, *(w for name in recipe for w in find_recipe(name)[0].labels.words)]
    vectors = encode_words(_encoder(encoder, weights), words, template)
    write_vectors(out, vectors)
    count, width = vectors.vectors.shape
    if as_json:
        facts = {"encoder": vectors.encoder, "version": vectors.version, "digest": vectors.digest()}
        facts |= {"template": vectors.template, "words": vectors.words, "width": width}
        typer.echo(json.dumps(facts))
    else:
        typer.echo(f"{out}: {count} words, {width} wide, by {vectors.encoder} ({vectors.version})")


def _encoder(name: str, weights: Path | None) -> Encoder:
    if name == "minilm":
        from ppt_dist.text.minilm import minilm

        return minilm()
    if weights is None:
        raise BadInput(f"--encoder {name} needs --weights FILE: nothing is downloaded")
    from ppt_dist.text.openclip import openclip

    return openclip(name, weights)
