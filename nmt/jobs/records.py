"""What there is to say about translated texts: records as JSON lines, for the report and the scores."""

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

from nmt.jobs.journal import Result


def write_records(
    file: str, number: int, text: str, result: Result, problems: BinaryIO | None, scores: BinaryIO | None
) -> None:
    """Write what there is to say about the translation of text `number`, from 1, of a file, as JSON lines."""
    place = {"file": file, "text": number}
    if problems:
        for problem in result.problems:
            sentence = {"source": problem.source, "translation": problem.translation, "problems": problem.reasons}
            _write_json(problems, place | sentence)
    if scores:
        _write_json(scores, place | {"score": round(result.score, 4), "source": text, "translation": result.text})


def count(number: int, what: str) -> str:
    """A number of things: 1 text, 2 texts."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def _write_json(stream: BinaryIO, record: Mapping[str, Any]) -> None:
    stream.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
