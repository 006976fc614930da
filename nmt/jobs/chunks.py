"""How a job is cut into chunks, and duplicates are found: by the input alone, so that any run of it cuts alike."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

CHUNK_TEXTS = 512  # what is translated and journalled at a time: about ten batches, and seconds of work
CHUNK_CHARACTERS = 100_000
# Texts that are not translated again where they come again; about 50 MB with their translations.
REMEMBERED_TEXTS = 50_000
REMEMBERED_CHARACTERS = 8_000_000
LONGEST_REMEMBERED = 1_000
# Letters of scripts that are written without spaces: Thai, Lao, Burmese, Khmer, kana, Chinese characters.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff]|[\U00020000-\U0003ffff]")


@dataclass(frozen=True)
class Part:
    """Consecutive texts of one file."""

    file: int
    first: int  # the number of its first text in the file, from 0
    count: int
    num_words: int


@dataclass
class Chunk:
    """Consecutive texts of a job, possibly of several files.

    Each different text has a slot, numbered through the job, for its translation.
    """

    first_slot: int
    parts: list[Part] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)  # those seen for the first time, for slots from `first_slot` on
    slots: list[int] = field(default_factory=list)  # of every text of the chunk, in order
    forgotten: list[int] = field(default_factory=list)  # slots that nothing behind this chunk refers to
    ended: list[int] = field(default_factory=list)  # files whose last text is in this chunk or before it


def cut(files: Iterable[tuple[int, Iterable[str]]]) -> Iterator[Chunk]:
    """Cut the texts of files, each given with its number, into chunks. Nothing is read ahead of the chunk asked for."""
    memory = _Memory()
    chunk = Chunk(0)
    size = 0
    for file, texts in files:
        first, count, words = 0, 0, 0
        for text in texts:
            slot = memory.slot(text, chunk)
            chunk.slots.append(slot)
            count, size = count + 1, size + len(text)
            words += count_words(text)
            if len(chunk.slots) >= CHUNK_TEXTS or size >= CHUNK_CHARACTERS:
                chunk.parts.append(Part(file, first, count, words))
                yield chunk
                first, count, words, size = first + count, 0, 0, 0
                chunk = Chunk(memory.next_slot)
        if count:
            chunk.parts.append(Part(file, first, count, words))
        chunk.ended.append(file)
    if chunk.slots or chunk.ended:
        yield chunk


def count_words(text: str) -> int:
    """The words of a text; each letter is one where a script is written without spaces."""
    return len(text.split()) + (0 if text.isascii() else len(_UNSPACED.findall(text)))


def as_one_line(translation: str, source: str) -> str:
    """`translation` without line breaks that `source` does not have: byte pieces let a model make any character."""
    for mark in "\n\r":
        if mark not in source:
            translation = translation.replace(mark, " ")
    return translation


class _Memory:
    """The slots of the texts seen last."""

    def __init__(self) -> None:
        self.next_slot = 0
        self._slots: OrderedDict[bytes, tuple[int, int]] = OrderedDict()  # slot and size, longest unseen first
        self._characters = 0

    def slot(self, text: str, chunk: Chunk) -> int:
        """The slot of `text`; a new one puts it into `chunk.texts`."""
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if key in self._slots:
            self._slots.move_to_end(key)
            return self._slots[key][0]
        slot = self.next_slot
        self.next_slot += 1
        chunk.texts.append(text)
        if len(text) > LONGEST_REMEMBERED:
            chunk.forgotten.append(slot)
            return slot
        self._slots[key] = (slot, len(text))
        self._characters += len(text)
        while len(self._slots) > REMEMBERED_TEXTS or self._characters > REMEMBERED_CHARACTERS:
            _, (old, length) = self._slots.popitem(last=False)
            self._characters -= length
            chunk.forgotten.append(old)
        return slot
