"""From texts to what the interface answers, part by part, so that it can be stopped in between."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import nmt

from . import markup, parts
from .work import Stop

BATCH = 8_000  # characters: what is translated between two looks at whether to stop
PART = 1_000  # characters: parts of a sentence each would be searched in too small batches
MAX_ALTERNATIVES = 10


@dataclass(frozen=True)
class Answer:
    """The translation of one text; `alternatives` are other ones, the best first."""

    text: str
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Piece:
    """A part of a text and its translation, which follows on the piece before."""

    source: str
    text: str


def translate(
    translator: nmt.Translator, texts: Sequence[str], *, html: bool, num_alternatives: int, stop: Stop
) -> list[Answer]:
    """Translate texts.

    Args:
        translator: of the pair.
        texts: of any length.
        html: they are HTML; there are no alternatives then.
        num_alternatives: wanted of each text; there may be fewer.
        stop: looked at between the parts.
    """
    if html:
        return _translate_html(translator, texts, stop)
    config = _search(translator, num_alternatives)
    divided = [parts.merged(parts.split(text), PART) for text in texts]
    translations = iter(_translate_parts(translator, [part for one in divided for part in one], config, stop))
    target = translator.info.target_language
    return [_answer([(part, next(translations)) for part in one], target, num_alternatives) for one in divided]


def stream(translator: nmt.Translator, text: str, stop: Stop) -> Iterator[Piece]:
    """Translate a text and hand out each part when it is done, the first and smallest soon."""
    divided = parts.split(text)
    target = translator.info.target_language
    done, group = 0, 1
    while done < len(divided):
        stop.check()
        batch = divided[done : done + group]
        for k, found in enumerate(translator.translate_batch(batch), done):
            is_last = k == len(divided) - 1
            yield Piece(divided[k], parts.fitted(divided[k], found.text, is_last, target))
        done, group = done + group, min(2 * group, 8)


def _search(translator: nmt.Translator, num_alternatives: int) -> nmt.SearchConfig:
    if not num_alternatives:
        return translator.search
    wanted = num_alternatives + 1
    beam_size = max(translator.search.beam_size, wanted)
    return replace(translator.search, beam_size=beam_size, num_alternatives=wanted)


def _translate_parts(
    translator: nmt.Translator, divided: Sequence[str], config: nmt.SearchConfig, stop: Stop
) -> list[nmt.Translation]:
    done: list[nmt.Translation] = []
    for batch in parts.batches(divided, BATCH):
        stop.check()
        done += translator.translate_batch(batch, config)
    return done


def _answer(pairs: list[tuple[str, nmt.Translation]], target: str, num_alternatives: int) -> Answer:
    """Parts of one text put together; the k-th alternative has the k-th choice for each sentence."""
    columns: list[list[str]] = []
    for k, (source, translation) in enumerate(pairs):
        is_last = k == len(pairs) - 1
        versions = [translation.text, *_alternatives(translation, num_alternatives)]
        columns.append([parts.fitted(source, version, is_last, target) for version in versions])
    texts = [
        "".join(versions[k] if k < len(versions) else versions[0] for versions in columns)
        for k in range(max(map(len, columns), default=1))
    ]
    others = dict.fromkeys(text for text in texts[1:] if text != texts[0])
    return Answer(texts[0], tuple(others)[:num_alternatives])


def _alternatives(translation: nmt.Translation, num_alternatives: int) -> list[str]:
    """Texts that say it differently: the k-th with every sentence's k-th choice, or its best where it has no k-th."""
    places: list[tuple[int, int]] = []
    place = 0
    for sentence in translation.sentences:
        best = sentence.alternatives[0].text
        place = translation.text.find(best, place)
        if place < 0:
            return []
        places.append((place, place + len(best)))
        place += len(best)
    found = []
    most = max((len(sentence.alternatives) for sentence in translation.sentences), default=1)
    for k in range(1, min(most, num_alternatives + 1)):
        text, done = "", 0
        for (start, end), sentence in zip(places, translation.sentences, strict=True):
            choice = sentence.alternatives[k if k < len(sentence.alternatives) else 0]
            text += translation.text[done:start] + choice.text
            done = end
        found.append(text + translation.text[done:])
    return found


def _translate_html(translator: nmt.Translator, texts: Sequence[str], stop: Stop) -> list[Answer]:
    parsed = [markup.parse(text) for text in texts]
    wanted = [text for page in parsed for run in page if isinstance(run, markup.Run) for text in run.texts()]
    found = (one.text for one in _translate_parts(translator, wanted, translator.search, stop))
    return [
        Answer(
            "".join(
                run.translated([next(found) for _ in run.texts()]) if isinstance(run, markup.Run) else run
                for run in page
            )
        )
        for page in parsed
    ]
