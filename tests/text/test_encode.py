import numpy as np
import pytest

from ppt_dist.section import BadInput
from ppt_dist.text.encode import Encoder, encode_words


def letters(texts):
    """A vector of the count of each letter."""
    return np.array([[text.count(c) for c in "abc[x]"] for text in texts], np.float32)


ENCODER = Encoder("letters", "1", letters)


def test_words_are_the_sorted_union_with_vectors_of_length_one():
    made = encode_words(ENCODER, ["cab", "aa", "cab"], "[x]")

    assert made.words == ("aa", "cab")
    assert np.linalg.norm(made.vectors, axis=1) == pytest.approx([1, 1])
    assert made.vectors[0].tolist() == [1, 0, 0, 0, 0, 0]


def test_the_template_is_what_the_encoder_reads():
    seen = []
    encoder = Encoder("e", "1", lambda texts: (seen.extend(texts), letters(texts))[1])

    encode_words(encoder, ["ab", "b"], "a point of [x].")

    assert seen == ["a point of ab.", "a point of b."]


def test_several_templates_give_the_mean_of_unit_vectors_scaled_to_length_one():
    made = encode_words(ENCODER, ["ab", "b"], "[x]\nbb [x]")

    one, two = (encode_words(ENCODER, ["ab", "b"], t).vectors for t in ("[x]", "bb [x]"))
    total = one.astype(np.float64) + two
    expected = total / np.linalg.norm(total, axis=1, keepdims=True)
    assert made.vectors == pytest.approx(expected, abs=1e-7)
    assert made.template == "[x]\nbb [x]"
    assert not np.allclose(made.vectors, one)


def test_a_word_that_the_encoder_answers_with_zeros_keeps_them_and_so_counts_as_absent():
    assert not encode_words(ENCODER, ["xyz"], "[x]").vectors[:, :3].any()
    assert not encode_words(ENCODER, ["q"], "[x]").vectors.any()


@pytest.mark.parametrize(
    ("words", "template"),
    [([], "[x]"), (["a"], "a point of x"), (["a"], "[x]\nx"), (["a"], "")],
)
def test_no_word_or_no_place_for_it_is_bad_input(words, template):
    with pytest.raises(BadInput):
        encode_words(ENCODER, words, template)
