"""Runs of text with marks as parts of a text file."""

from collections.abc import Callable, Iterator, Sequence

from nmt.documents.inline import Mark, Run, Text
from nmt.documents.parts import Part, Slot

Tag = tuple[Part, ...]  # a mark as it is written; what is to be translated in it, such as alt="", is a slot of its own


def run_parts(
    pieces: Sequence[Text | Mark[Tag]],
    join: Callable[[str, Sequence[str | Text]], str],
    normalise: Callable[[str], str] = str,
) -> Iterator[Part]:
    """A run as parts: one slot for its text and for the slots in the marks within.

    Args:
        pieces: the run.
        join: writes a translated run. It is given how the run was written, and its new pieces: a string as it is to
            be written, or new text.
        normalise: what white space in the text of a piece comes to.
    """
    run = Run(pieces, normalise)
    for piece in run.before:
        yield from _parts_of(piece)
    if run.text:
        yield _slot(run, join)
    else:
        for piece in run.pieces:
            yield from _parts_of(piece)
    for piece in run.after:
        yield from _parts_of(piece)


def _parts_of(piece: Text | Mark[Tag]) -> Sequence[Part]:
    return piece.payload if isinstance(piece, Mark) else (piece.raw or "",)


def _slot(run: Run[Tag], join: Callable[[str, Sequence[str | Text]], str]) -> Slot:
    marks = [piece for piece in run.pieces if isinstance(piece, Mark)]
    inner = [part for mark in marks for part in mark.payload if isinstance(part, Slot)]
    raw = "".join(part if isinstance(part, str) else part.raw for piece in run.pieces for part in _parts_of(piece))

    def write(new: Sequence[str]) -> str:
        rest = iter(new[1:])

        def written(part: Part) -> str:
            return part if isinstance(part, str) else part.render([next(rest) for _ in part.texts])

        tags = {mark: "".join(map(written, mark.payload)) for mark in marks}
        pieces = run.pieces if new[0] == run.text else run.restore(new[0])
        return join(raw, [tags[piece] if isinstance(piece, Mark) else piece.raw or piece for piece in pieces])

    return Slot((run.text, *(text for part in inner for text in part.texts)), raw, write)
