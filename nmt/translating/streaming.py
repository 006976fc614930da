"""A translation that is shown while it is made."""

import queue
import threading
from collections.abc import Iterator

from nmt.config import SearchConfig, TranslationOptions
from nmt.text.masking import Masked
from nmt.translating.planning import Plan, assemble
from nmt.translating.sentences import SentenceTranslator
from nmt.translation import Partial, Sentence

_MOST_TOGETHER = 32  # sentences searched at once; the first one alone, so that it is there soon


def stream(
    sentences: SentenceTranslator, text: str, plan: Plan, config: SearchConfig, options: TranslationOptions
) -> Iterator[Partial]:
    """The translation of a text as it grows, up to the first sentence that is not finished; the whole comes last.

    The search goes on in a thread of its own, however slow the reader is, who is given the newest state only. It stops
    when the generator is closed.
    """
    masked = [part for part in plan if isinstance(part, Masked)]
    work = Work(sentences, masked, config, options)
    growing: dict[int, str] = {}
    done: list[Sentence] = []
    shown = ""
    try:
        work.start()
        while len(done) < len(masked):
            for news in work.news():
                if isinstance(news, list):
                    done += news
                else:
                    growing[news[0]] = news[1]
            so_far = _so_far(plan, done, growing)
            if so_far != shown and len(done) < len(masked):
                shown = so_far
                yield Partial(so_far)
        translation = assemble(text, plan, iter(done))
        yield Partial(translation.text, True, translation)
    finally:
        work.stop()


class Work:
    """Translates sentences in order, a few at a time, and tells what it has."""

    def __init__(
        self,
        sentences: SentenceTranslator,
        masked: list[Masked],
        config: SearchConfig,
        options: TranslationOptions,
    ):
        self._sentences, self._masked, self._config, self._options = sentences, masked, config, options
        self._told: queue.SimpleQueue[tuple[int, str] | list[Sentence] | BaseException] = queue.SimpleQueue()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin, if there is anything to do."""
        if self._masked:
            threading.Thread(target=self._run, name="nmt-stream", daemon=True).start()

    def stop(self) -> None:
        """Go no further than the step in work."""
        self._stopped.set()

    def news(self) -> Iterator[tuple[int, str] | list[Sentence]]:
        """What has been told since the last call, at least one thing; blocks until there is one.

        Raises:
            Whatever went wrong in the work.
        """
        one = self._told.get()
        while True:
            if isinstance(one, BaseException):
                raise one
            yield one
            try:
                one = self._told.get_nowait()
            except queue.Empty:
                return

    def _run(self) -> None:
        start, size = 0, 1
        try:
            while start < len(self._masked) and not self._stopped.is_set():
                self._told.put(self._translate(start, size))
                start, size = start + size, min(2 * size, _MOST_TOGETHER)
        except BaseException as error:
            self._told.put(error)

    def _translate(self, start: int, size: int) -> list[Sentence]:
        def show(place: int, beginning: str) -> bool:
            self._told.put((start + place, beginning))
            return not self._stopped.is_set()

        return self._sentences.translate(self._masked[start : start + size], self._config, self._options, show=show)


def _so_far(plan: Plan, done: list[Sentence], growing: dict[int, str]) -> str:
    """The beginning of the whole text up to the first sentence that is not finished."""
    output, number = [], 0
    for part in plan:
        if not isinstance(part, Masked):
            output.append(part)
            continue
        if number >= len(done):
            output.append(growing.get(number, ""))
            break
        output.append(done[number].alternatives[0].text)
        number += 1
    return "".join(output)
