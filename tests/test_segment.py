"""Sentence splitting: nothing is lost, splitting again changes nothing, and the cuts are where a reader puts them."""

import itertools
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nmt.errors import ConfigError
from nmt.text.segment import Piece, joint, split_long, split_text

LINE_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"

# Any text, and text in which the signs that the rules look at are close together.
SIGNS = "aIBz5.!?…。！．？\"'”“»«「」『』()[]*-–—>#:@,;/・\n\r\t \x85\u2028\x1c\x1f\u3000\xa0\u202f\u200b\u0301"
WORDS = (
    "Mr|U.S.|e.g.|No. 5|5 p.m. |etc. |He |said |... |?\" |. |! |1. |a) |[1]|www.a.b|a@b.c|家。|は|I |J. |It's|co. "
    "|John asked | »"
)
SNIPPETS = st.lists(st.sampled_from([*SIGNS, *WORDS.split("|")]), max_size=25).map("".join)
TEXTS = st.text(max_size=80) | SNIPPETS


def sentences(text: str) -> list[str]:
    return [piece.text for piece in split_text(text) if piece.is_sentence]


@settings(max_examples=500)
@given(TEXTS)
@example("")
@example("\r\n\r\n")
@example("No. \ufeffHe")
def test_pieces_are_the_text(text: str) -> None:
    pieces = split_text(text)
    assert "".join(piece.text for piece in pieces) == text
    for piece in pieces:
        assert piece.text
        if piece.is_sentence:
            assert piece.text == piece.text.strip()
            assert not set(piece.text) & set(LINE_BREAKS)
            assert any(character.isalnum() for character in piece.text)
    for piece, following in itertools.pairwise(pieces):
        assert piece.is_sentence or following.is_sentence


@settings(max_examples=1000)
@given(TEXTS)
@example("A. *\t")
def test_a_sentence_is_one_sentence(text: str) -> None:
    for sentence in sentences(text):
        assert split_text(sentence) == [Piece(sentence, True)]


# "|" stands for a cut; the white space that follows it is between the sentences.
@pytest.mark.parametrize(
    "marked",
    [
        "It rains.| Take an umbrella!| Why not?| Well…| Fine.",
        "One sentence without an end",
        "Mr. Smith and Mrs. Smith met Dr. Jones.| They talked.",
        "Mr. and Mrs. Lee vs. the State.| It was long.",
        "J. R. R. Tolkien wrote it.| George W. Bush did not.",
        "He lives in the U.S.| He likes it.| The U.S. Army came.",
        "See e.g. this, i.e. that, etc.| Then stop.| Cats, dogs etc. are here.",
        "Come at 5 p.m.| Tom waits.| At 5 p.m. Monday we go.| At 9 a.m. it starts.",
        "No. 5 is alive.| No.| I mean it.",
        "Your order no. \ue000 is here.| Mark \ue000.| \ue000 is late.",
        "In Sept. 2001 it fell.| See Fig. 3 and p. 12.",
        "He lives on Main St.| The house in St. Louis is old.| He works for Acme Inc. in Rome.",
        "So do I.| Tom left.| That is Plan B.| Then we go.",
        "Pi is 3.14 and it costs 1,000.50 dollars.| That was in 1990.| Then it rose.",
        "Look at https://example.com/a.b?c=d!e today.| Mail me@example.org.| Open readme.txt now.",
        '"Why?" he asked.| "Stop!" John shouted.| “Really?” I said.| "I know."| He left.',
        '"Stop!"| Then he ran.',
        "He (really!) left (at last!).| Good.",
        "Wait... what?| I don't know... maybe.| Well... I think so.| Stop...| Now!",
        "What?!| Who knows!!!| (Nobody.)| Really.",
        "hello.| how are you?| i am fine.| see e.g. this etc. and that",
        "Are you sure? |I am.".replace(" |", "| "),
        "Où est-il ?| Il dit « Viens ! » et part.| Quoi !",
        "Das kostet z.B. 5 Euro.| Schön!",
        "The end.[1]| The next.[23]| Last.",
        "こんにちは。|元気ですか？|はい！|「はい。」と彼は言った。|「行くぞ。」|「はい。」",
        "你好。|我叫汤姆。|你呢？",
        "Hello！|World.",
        "円周率は３．１４です。|終わり。",
        "मैं ठीक हूँ।| आप कैसे हैं?",
    ],
)
def test_cuts(marked: str) -> None:
    assert sentences(marked.replace("|", "")) == [part.strip() for part in marked.split("|")]


def test_nothing_to_translate_is_kept() -> None:
    for text in ["", " ", "\n\n", "---", "3.14", "...", "?!", "😀", "https://example.com/a?b=c", "me@example.org"]:
        assert sentences(text) == []
    assert sentences("- Hello.\n  * You there\n1. Milk\n2) Eggs\n> He said so. - Yes.\n# A title\n===") == [
        *("Hello.", "You there", "Milk", "Eggs", "He said so.", "Yes.", "A title")
    ]
    assert sentences("-5 degrees, *really*") == ["-5 degrees, *really*"]


@pytest.mark.parametrize("line_break", [*LINE_BREAKS, "\r\n"])
def test_line_breaks(line_break: str) -> None:
    text = f"It was{line_break}late.{line_break}{line_break} Good night!  {line_break}"
    assert [piece.text for piece in split_text(text)] == [
        *("It was", line_break, "late.", f"{line_break}{line_break} ", "Good night!", f"  {line_break}")
    ]


def test_joint() -> None:
    assert joint(" ", target_uses_spaces=True) == " "
    assert joint(" ", target_uses_spaces=False) == ""
    for space in ["", "  ", "\n", " \n", "\t", "\u3000", "\xa0", " - "]:
        assert joint(space, target_uses_spaces=False) == joint(space, target_uses_spaces=True) == space


def num_words(text: str) -> int:
    return len(text.split())


def num_bytes(text: str) -> int:
    return len(text.encode())


@settings(max_examples=300)
@given(TEXTS, st.integers(1, 12), st.sampled_from([len, num_words, num_bytes, lambda text: len(text) + 2]))
def test_long_sentences_lose_nothing(text: str, max_length: int, length: Callable[[str], int]) -> None:
    parts = split_long(text, max_length, length)
    assert "".join(parts) == text
    for part in parts:
        assert length(part) <= max_length or len(part) <= 1
    if length(text) <= max_length:
        assert parts == [text]


@pytest.mark.parametrize(
    "marked",
    [
        "I went to the old river with my brother; |we would fish there, and talk, all day long.",
        "When the long summer was over at last, |the children went back to their school.",
        "We had been waiting for the train for hours |and nobody could tell us anything about it.",
        "He met a few of his very old friends there |(those he knew from his time at school).",
        "one two three four five six |seven eight nine ten eleven twelve",
        "彼は朝早く起きて、顔を洗ってから、|駅まで歩いて行き、電車に乗った",
        "x" * 40 + "|" + "x" * 40,
    ],
)
def test_long_sentences_are_cut_at_sensible_points(marked: str) -> None:
    text = marked.replace("|", "")
    assert split_long(text, round(0.7 * len(text)), len) == marked.split("|")


def test_long_sentences_are_cut_into_like_parts() -> None:
    parts = split_long("many words " * 300, 100, num_words)
    assert len(parts) <= 8
    assert min(map(num_words, parts)) >= 60
    assert [len(part) for part in split_long("x" * 1010, 100, len)] == pytest.approx([1010 / 12] * 12, abs=12)
    assert min(map(len, split_long("家" * 101, 100, len))) >= 45


def test_characters_are_kept_whole() -> None:
    accented, family = "e\u0301" * 30, "👨\u200d👩\u200d👧" * 10
    assert all(len(part) % 2 == 0 for part in split_long(accented, 20, len))
    assert all(part.startswith("👨") and part.endswith("👧") for part in split_long(family, 20, len))


def test_long_sentences_need_a_length() -> None:
    with pytest.raises(ConfigError, match="max_length must be at least 1, not 0"):
        split_long("text", 0, len)


HUGE = {
    "sentences": "I saw a small cat. Did you see it, too? ",
    "words": "and so on ",
    "no white space": "x",
    "full stops": ".",
    "spaced full stops": ". ",
    "full stops and letters": "a. ",
    "brackets": ". (",
    "dashes": "-",
    "spaces": " ",
    "accents": "\u0301",
    "ideographs": "家。",
    "signs": "!? ",
    "exclamation marks": "!",
    "brackets after a comma": ',"',
    "addresses": "a@",
}


@pytest.mark.parametrize("unit", HUGE.values(), ids=HUGE.keys())
def test_huge_lines_take_no_time(unit: str) -> None:
    text = "A" + unit * (100_000 // len(unit)) + "b"
    start = time.process_time()
    pieces = split_text(text)
    middle = time.process_time()
    short, long = split_long(text, 50, len), split_long(text, 20_000, len)
    end = time.process_time()
    assert "".join(piece.text for piece in pieces) == "".join(short) == "".join(long) == text
    # Each takes about 0.1 s; anything quadratic takes many times what is allowed here for a busy machine.
    assert middle - start < 5
    assert end - middle < 5
