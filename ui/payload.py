"""What the browser is told about a translation: plain values that become JSON, never HTML.

The browser writes every text of it as text, so nothing that a visitor or a model says can become markup.
"""

from typing import Any

import nmt

from .labels import SPACE

MAX_WORDS = 3_000  # of one translation that can be pointed at; a longer one is shown as plain text
_DIGITS = 4


def describe(translation: nmt.Translation) -> dict[str, Any]:
    """A translation for the browser.

    Returns:
        `pieces`: in order, what stands between sentences as text, and for each sentence its number;
        `sentences`: see `describe_sentence`.
    """
    num_words = sum(len(sentence.alternatives[0].words) for sentence in translation.sentences)
    pieces = _pieces(translation)
    if num_words > MAX_WORDS or pieces is None:
        return {"pieces": [translation.text], "sentences": []}
    return {"pieces": pieces, "sentences": [describe_sentence(sentence) for sentence in translation.sentences]}


def describe_sentence(sentence: nmt.Sentence) -> dict[str, Any]:
    """A sentence for the browser: its `source` with its `tokens`, its `options`, best first, and its `problems`.

    The words of an option are lists of what stands before the word, the word, its probability, and the places in
    `tokens` that it was read from; `rest` is what stands behind the last one. Places are not sent as numbers, since a
    character beyond the basic plane is one in Python and two in a browser.
    """
    return {
        "source": sentence.source,
        "tokens": [_readable(token) for token in sentence.source_tokens],
        "options": [_option(alternative) for alternative in sentence.alternatives],
        "problems": list(sentence.problems),
    }


def _option(alternative: nmt.Alternative) -> dict[str, Any]:
    words, done = [], 0
    for word in alternative.words:
        probability = None if word.probability is None else round(word.probability, _DIGITS)
        words.append([alternative.text[done : word.start], word.text, probability, list(word.source)])
        done = word.end
    rest = alternative.text[done:]
    return {"text": alternative.text, "score": round(alternative.score, _DIGITS), "words": words, "rest": rest}


def _pieces(translation: nmt.Translation) -> list[str | int] | None:
    """Sentences by number and the text between them; None where a sentence is not found in the translation."""
    pieces: list[str | int] = []
    done = 0
    for number, sentence in enumerate(translation.sentences):
        best = sentence.alternatives[0].text
        start = translation.text.find(best, done)
        if start < 0:
            return None
        pieces += [translation.text[done:start], number] if start > done else [number]
        done = start + len(best)
    return [*pieces, translation.text[done:]] if done < len(translation.text) else pieces


def _readable(token: str) -> str:
    """A token without the sign for a space; empty for those that are no text."""
    return "" if token.startswith("<") and token.endswith(">") else token.replace(SPACE, " ").strip()


def describe_pair(name: str, info: nmt.BundleInfo) -> dict[str, Any]:
    """A model for the browser: its name, and the languages that texts get marked with."""
    return {"model": name, "label": pair_name(info), "source": info.source_language, "target": info.target_language}


def pair_name(info: nmt.BundleInfo) -> str:
    """`English → Japanese`."""
    return pair_name_of(info.source_language, info.target_language)


def pair_name_of(source: str, target: str) -> str:
    """The same for two codes."""
    return f"{nmt.language(source).name} → {nmt.language(target).name}"
