import os
import pickle

import numpy as np
import pytest
from safetensors import safe_open

from ppt_dist.scene.labels import LabelSet
from ppt_dist.section import BadInput
from ppt_dist.text.vectors import WordVectors, look_up, read_vectors, write_vectors


def vectors(words=("bed", "sofa", "lampe à pied")):
    dice = np.random.Generator(np.random.Philox(key=1))
    array = dice.random((len(words), 4), dtype=np.float32)
    return WordVectors("minilm", "1", "[x]", tuple(words), array)


def test_what_is_written_is_read(tmp_path):
    write_vectors(tmp_path / "v.safetensors", vectors())

    found = read_vectors(tmp_path / "v.safetensors")

    assert (found.encoder, found.version, found.template) == ("minilm", "1", "[x]")
    assert found.words == ("bed", "sofa", "lampe à pied")
    assert np.array_equal(found.vectors, vectors().vectors)
    assert found.digest() == vectors().digest()


def test_the_same_vectors_give_the_same_bytes(tmp_path):
    paths = [tmp_path / f"{i}.safetensors" for i in range(8)]
    for path in paths:
        write_vectors(path, vectors())

    assert len({path.read_bytes() for path in paths}) == 1


def test_the_file_is_stock_safetensors_with_these_names(tmp_path):
    write_vectors(tmp_path / "v.safetensors", vectors())

    with safe_open(tmp_path / "v.safetensors", framework="np") as file:
        assert list(file.keys()) == ["vectors"]
        assert sorted(file.metadata()) == [
            "digest",
            "encoder",
            "format",
            "template",
            "version",
            "words",
        ]


def test_rows_come_in_class_order_and_a_word_may_serve_twice():
    labels = LabelSet(names=("a", "b", "c"), words=("sofa", "bed", "sofa"))

    assert np.array_equal(look_up(vectors(), labels), vectors().vectors[[1, 0, 1]])


def test_missing_words_and_rows_of_zeros_are_named_with_the_command_that_makes_them():
    given = vectors()
    given.vectors[0] = 0
    labels = LabelSet(names=("a", "b", "c"), words=("bed", "night stand", "sofa"))

    with pytest.raises(
        BadInput, match=r"for 'bed', 'night stand'.*--word bed --word 'night stand'"
    ):
        look_up(given, labels)


def test_a_changed_byte_is_found(tmp_path):
    path = tmp_path / "v.safetensors"
    write_vectors(path, vectors())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    with pytest.raises(BadInput, match=r"v.safetensors: damaged"):
        read_vectors(path)


@pytest.mark.parametrize("content", [b"", b"{}", "pickle"])
def test_another_kind_of_file_is_bad_input_and_is_never_unpickled(tmp_path, content):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "unpickled"),)

    path = tmp_path / "v.safetensors"
    path.write_bytes(pickle.dumps(Bomb()) if content == "pickle" else content)

    with pytest.raises(BadInput, match=r"v\.safetensors"):
        read_vectors(path)
    assert not (tmp_path / "unpickled").exists()


def test_an_absent_file_is_bad_input_that_says_how_to_make_it(tmp_path):
    with pytest.raises(BadInput, match="ppt-dist text"):
        read_vectors(tmp_path / "absent.safetensors")
