"""SentencePiece round trips, on any text."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nmt import tokenizer
from nmt.errors import BundleError, CorpusError
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNKNOWN_ID, Tokenizer

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
AWKWARD = [
    "🎉 emoji 👩‍👩‍👧",
    "東京へ行きます。",
    "ｆｕｌｌ　ｗｉｄｔｈ！",
    "a  b\tc\nd",
    "\u2581",
    "",
    " ",
    "مرحبا",
    "ﬁne\u0301",
]


def awkward(test):
    for text in AWKWARD:
        test = example(text)(test)
    return test


@pytest.mark.parametrize("side", [0, 1], ids=["source", "target"])
def test_decode_gives_the_normalised_text_back(tokenizers, side):
    one = tokenizers[side]

    @awkward
    @given(ANY)
    def check(text):
        ids = one.encode(text)
        normal = one.normalise(text)
        assert one.decode(ids) == normal
        assert one.normalise(normal) == normal, "normalising twice changes nothing"
        assert UNKNOWN_ID not in ids
        assert not {PAD_ID, BOS_ID, EOS_ID} & set(ids)
        assert all(0 <= i < one.vocab_size for i in ids)

    check()


def test_japanese_keeps_its_own_punctuation(tokenizers):
    _, target = tokenizers
    text = "「はい！」と言った。　本当？"
    assert target.decode(target.encode(text)) == text


def test_full_width_source_is_read_like_plain(tokenizers):
    source, _ = tokenizers
    assert source.encode("Ｈｅｌｌｏ　ｗｏｒｌｄ") == source.encode("Hello world")


def test_training_is_reproducible(sample):
    first = tokenizer.train(sample.sources, 400, side="source")
    second = tokenizer.train(sample.sources, 400, side="source")
    assert [first.pieces([k]) for k in range(400)] == [second.pieces([k]) for k in range(400)]


@pytest.mark.parametrize("lines", [["a"], ["hello there", "you"], ["日本"] * 3])
def test_a_vocabulary_too_large_for_the_corpus_is_clamped(lines):
    one = tokenizer.train(lines, 32_000, side="source")
    assert 260 < one.vocab_size < 400
    assert one.decode(one.encode("zebra 熊")) == "zebra 熊"


def test_vocabulary_size_follows_the_corpus():
    assert tokenizer.choose_vocab_size(["x"] * 300) == 1000
    assert tokenizer.choose_vocab_size(["x"] * 240_000) == 4000
    assert tokenizer.choose_vocab_size(["x"] * 5_000_000) == 8000


@pytest.mark.parametrize(
    "lines", [["Just one line."], ["No number in any of them, and many of them."] * 20_000 + ["One: 1"]]
)
def test_every_digit_has_a_piece_however_rare(lines):
    one = tokenizer.train(lines, 300, side="source")
    pieces = one.pieces(one.encode("0 1 2 3 4 5 6 7 8 9"))
    assert [piece for piece in pieces if piece != "\u2581"] == list("0123456789")


def test_no_text_is_an_error():
    with pytest.raises(CorpusError, match="no text"):
        tokenizer.train(["", "  "], 400, side="source")


def test_files_that_are_not_tokenizers_are_refused(tmp_path):
    with pytest.raises(BundleError, match="cannot read"):
        Tokenizer.load(tmp_path / "missing.model")
    (tmp_path / "bad.model").write_bytes(b"not a model")
    with pytest.raises(BundleError, match=r"bad\.model"):
        Tokenizer.load(tmp_path / "bad.model")
