"""What translates the chunks of a job: this process, or several processes of this machine."""

import collections
import concurrent.futures
import concurrent.futures.process
import dataclasses
import functools
import itertools
import multiprocessing
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import nmt
from nmt import bundle, languages
from nmt.config import SearchConfig, TranslationOptions
from nmt.errors import NmtError
from nmt.jobs.chunks import Chunk, as_one_line
from nmt.jobs.journal import Problem, Result
from nmt.processors import num_processors
from nmt.text import segment

if TYPE_CHECKING:
    from nmt.translation import Translation
    from nmt.translator import Translator

LONG_TEXT = 20_000  # characters; a longer text is translated in parts, to bound the memory that it takes


class Workers(Protocol):
    """Translates chunks, whichever way; the results are the same."""

    capacity: int  # chunks that may be in work at once

    def submit(self, texts: list[str]) -> Callable[[], list[Result]]:
        """Begin with a chunk; what is returned waits for its results."""

    def close(self) -> None:
        """Stop, leaving nothing behind."""


@dataclass(frozen=True)
class ModelSettings:
    """All that a process needs to translate as the others do."""

    folder: Path
    search: SearchConfig | None = None  # None: the model's own
    options: TranslationOptions = field(default_factory=TranslationOptions)
    engine: str = "auto"
    num_threads: int = 0
    others: tuple[Path, ...] = ()  # models that translate together with the one in `folder`

    def load(self) -> "Translator":
        """Open the model."""
        from nmt.translator import Translator

        if not self.others:
            return Translator.load(self.folder, engine=self.engine, num_threads=self.num_threads)
        folders = [self.folder, *self.others]
        return Translator.ensemble(folders, engine=self.engine, num_threads=self.num_threads)

    def identity(self) -> dict[str, Any]:
        """What the translation of a text depends on, as JSON values."""
        config = bundle.read_config(self.folder)
        engine = self.engine
        if engine == "auto":
            engine = "onnx" if bundle.DECODER in config.sha256 else "keras"
        files = {"files": config.sha256} | (
            {"others": [bundle.read_config(other).sha256 for other in self.others]} if self.others else {}
        )
        return {
            "model": {"engine": engine, **files},
            "search": dataclasses.asdict(self.search or config.search),
            "translation": dataclasses.asdict(self.options),
            "version": nmt.__version__,
        }


def identity_of(
    translator: "Translator", search: SearchConfig | None, options: TranslationOptions | None
) -> dict[str, Any]:
    """`ModelSettings.identity` of an open model; of one that is in no folder, nothing else is like it."""
    if translator.info.folder == Path():
        return {"model": uuid.uuid4().hex}
    folder = translator.info.folder
    return ModelSettings(folder, search or translator.search, options or TranslationOptions()).identity()


def translate_chunks(
    chunks: Iterable[Chunk], workers: Workers, known: Callable[[Chunk], list[Result] | None] = lambda _: None
) -> Iterator[tuple[Chunk, list[Result], bool]]:
    """Have chunks translated, in order, as many at once as the workers can take.

    Args:
        chunks: of `nmt.jobs.chunks.cut`.
        workers: do it.
        known: the results of a chunk's texts where they need not be found again.

    Returns:
        Each chunk with the results of its texts, and whether they were known.
    """
    waiting: collections.deque[tuple[Chunk, list[Result] | None, Callable[[], list[Result]]]] = collections.deque()
    slots: dict[int, Result] = {}

    def first() -> tuple[Chunk, list[Result], bool]:
        chunk, found, wait = waiting.popleft()
        if found is None:
            slots.update(zip(itertools.count(chunk.first_slot), wait(), strict=False))
            results = [slots[slot] for slot in chunk.slots]
        else:
            results = found
            pairs = zip(chunk.slots, found, strict=True)
            slots.update((slot, result) for slot, result in pairs if slot >= chunk.first_slot)
        for slot in chunk.forgotten:
            del slots[slot]
        return chunk, results, found is not None

    for chunk in chunks:
        found = known(chunk)
        submitted = workers.submit(chunk.texts) if found is None and chunk.texts else list
        waiting.append((chunk, found, submitted))
        if len(waiting) >= workers.capacity:
            yield first()
    while waiting:
        yield first()


class InProcess:
    """Translates in this process.

    Args:
        translator: does it.
        search, options: how; as of `Translator.translate_batch`.
        is_ahead: whether the next chunk is in work while one is written; reading is then ahead by a chunk, too.
    """

    def __init__(
        self,
        translator: "Translator",
        search: SearchConfig | None = None,
        options: TranslationOptions | None = None,
        *,
        is_ahead: bool = False,
    ):
        self._translate = functools.partial(translate_texts, translator, search=search, options=options)
        self.capacity = 2 if is_ahead else 1
        self._pool = concurrent.futures.ThreadPoolExecutor(self.capacity) if is_ahead else None

    def submit(self, texts: list[str]) -> Callable[[], list[Result]]:
        """See `Workers`."""
        if self._pool is None:
            return functools.partial(self._translate, texts)
        return self._pool.submit(self._translate, texts).result

    def close(self) -> None:
        """See `Workers`."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


class Processes:
    """Translates in processes of this machine, each with the model.

    Args:
        settings: where `num_threads` is 0, the processors are shared out.
        count: of processes.
    """

    def __init__(self, settings: ModelSettings, count: int):
        if not settings.num_threads:
            settings = dataclasses.replace(settings, num_threads=max(1, num_processors() // count))
        self.capacity = 2 * count  # each has its next chunk at hand
        self._settings = settings
        self._pool = concurrent.futures.ProcessPoolExecutor(
            count, mp_context=multiprocessing.get_context("spawn"), initializer=_leave_with_parent
        )

    def submit(self, texts: list[str]) -> Callable[[], list[Result]]:
        """See `Workers`."""
        return functools.partial(self._wait, self._pool.submit(translate_in_worker, self._settings, texts))

    def close(self) -> None:
        """See `Workers`."""
        self._pool.shutdown(cancel_futures=True)

    def _wait(self, future: concurrent.futures.Future[list[Result]]) -> list[Result]:
        try:
            return future.result()
        except concurrent.futures.process.BrokenProcessPool:
            raise NmtError(
                "a worker process ended unexpectedly, perhaps for want of memory; what is done is kept: "
                "the same command continues from there"
            ) from None


def translate_in_worker(settings: ModelSettings, texts: list[str]) -> list[Result]:
    """`translate_texts` in a process that loads the model once."""
    try:
        return translate_texts(_loaded(settings), texts, settings.search, settings.options)
    except NmtError as error:
        raise NmtError(str(error)) from None  # not every kind survives the way to another process


@functools.lru_cache(maxsize=1)
def _loaded(settings: ModelSettings) -> "Translator":
    return settings.load()


def _leave_with_parent() -> None:
    """Leave Ctrl+C to the parent process, and end when it ends, however that happens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def translate_texts(
    translator: "Translator", texts: Sequence[str], search: SearchConfig | None, options: TranslationOptions | None
) -> list[Result]:
    """Translate a chunk. A translation has no line break that its text does not have."""
    short = [text for text in texts if len(text) <= LONG_TEXT]
    done = iter(translator.translate_batch(short, search, options) if short else [])
    return [
        _result(next(done)) if len(text) <= LONG_TEXT else _in_parts(translator, text, search, options)
        for text in texts
    ]


def _in_parts(
    translator: "Translator", text: str, search: SearchConfig | None, options: TranslationOptions | None
) -> Result:
    """The translation of a long text, with a bounded number of sentences in memory at a time."""
    parts = _cut_long(text, languages.language(translator.info.target_language).uses_spaces)
    results = [_result(translator.translate_batch([part], search, options)[0]) for _, part in parts]
    return Result(
        "".join(gap + result.text for (gap, _), result in zip(parts, results, strict=True)),
        sum(len(part) * result.score for (_, part), result in zip(parts, results, strict=True)) / len(text),
        tuple(problem for result in results for problem in result.problems),
    )


def _cut_long(text: str, uses_spaces: bool) -> list[tuple[str, str]]:
    """A text as parts, cut between sentences, each behind what goes before it in the translation."""
    parts: list[tuple[str, str]] = []
    gap, size = "", 0
    part: list[str] = []
    pieces = segment.split_text(text)
    for k, piece in enumerate(pieces):
        if size >= LONG_TEXT // 2 and pieces[k - 1].is_sentence:
            parts.append((gap, "".join(part)))
            gap, part, size = " " if piece.is_sentence and uses_spaces else "", [], 0
            if not piece.is_sentence and k + 1 < len(pieces):
                gap = segment.joint(piece.text, uses_spaces)
                continue
        part.append(piece.text)
        size += len(piece.text)
    return [*parts, (gap, "".join(part))]


def _result(translation: "Translation") -> Result:
    problems = []
    for sentence in translation.sentences:
        if sentence.problems:
            problems.append(Problem(sentence.source, sentence.alternatives[0].text, sentence.problems))
    return Result(as_one_line(translation.text, translation.source), translation.score, tuple(problems))
