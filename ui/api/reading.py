"""What a request says, whichever way it says it: JSON, a form, a form with a file, or in its address."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from .gate import Refused

BYTES_PER_CHARACTER = 12  # a character beyond the basic plane, as two escapes of JSON or four of a form
FORM_BYTES = 64 * 1024  # for everything that is not the text
_MOST_FIELDS = 1_000
_DRAIN_SECONDS = 20.0

Fields = dict[str, Any]


class TooLargeError(Exception):
    """The body has more bytes than may come."""


class Body:
    """The body of a request, of which no more than `most` bytes are taken.

    A body that is too long is still received, and thrown away, for a while: most clients read no answer before they
    have sent everything.
    """

    def __init__(self, request: Request, most: int):
        self._request, self.most = request, most
        self._taken = 0
        self._ended = False

    def declared_too_large(self) -> bool:
        length = self._request.headers.get("content-length", "")
        return length.isascii() and length.isdigit() and int(length) > self.most

    async def receive(self) -> Message:
        message = await self._request.receive()
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
        else:
            self._ended = True
        if self._taken > self.most:
            raise TooLargeError
        return message

    async def read(self) -> bytes:
        parts = []
        while not self._ended:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
        return b"".join(parts)

    async def drain(self) -> None:
        """Throw away what still comes."""
        if self._request.headers.get("expect", "").lower() == "100-continue" and not self._taken:
            return  # the client asks before it sends
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self._ended:
                    message = await self._request.receive()
                    self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        except TimeoutError:
            return


async def read_fields(request: Request, most: int, seconds: float) -> Fields:
    """The fields of a request; what the body says goes before what the address says.

    Values are texts, of JSON whatever it has, of a repeated field of a form a list, and of a file an `UploadFile`.

    Args:
        request: its body must not have been read.
        most: bytes of the body.
        seconds: in which it must have come.

    Raises:
        Refused: the body is too large (413), does not come (408), or is not what it says it is (400).
    """
    body = Body(request, most)
    try:
        if body.declared_too_large():
            raise TooLargeError
        async with asyncio.timeout(seconds):
            said = await _read_body(request, body)
    except TooLargeError:
        await body.drain()
        raise Refused(413, f"Request too large: the limit is {most:,} bytes", {"connection": "close"}) from None
    except TimeoutError:
        raise Refused(408, f"The request did not arrive within {seconds:g} s", {"connection": "close"}) from None
    return {**_form(request.url.query.encode("utf-8", "surrogateescape")), **said}


async def _read_body(request: Request, body: Body) -> Fields:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _multipart(request, body)
    data = await body.read()
    if kind == "application/json" or kind.endswith("+json"):
        return _json(data)
    if kind in ("", "application/x-www-form-urlencoded"):
        return _form(data)
    if data:
        raise Refused(400, "Invalid request: send JSON (Content-Type: application/json) or a form")
    return {}


def _json(data: bytes) -> Fields:
    try:
        said = json.loads(data.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise Refused(400, f"Invalid request: the body is not UTF-8 (byte {error.start})") from None
    except (ValueError, RecursionError):
        raise Refused(400, "Invalid JSON format") from None
    if not isinstance(said, dict):
        raise Refused(400, "Invalid JSON format: expected an object")
    return said


def _no_number(name: str) -> float:
    raise ValueError(name)


def _form(data: bytes) -> Fields:
    try:
        pairs = parse_qsl(
            data.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS, separator="&"
        )
    except UnicodeDecodeError:
        raise Refused(400, "Invalid request: the form is not UTF-8") from None
    except ValueError:
        raise Refused(400, f"Invalid request: the form has more than {_MOST_FIELDS:,} fields") from None
    return _gathered(pairs)


async def _multipart(request: Request, body: Body) -> Fields:
    try:
        # The parser of the framework, fed with what the limit lets through; files go to disk beyond 1 MB.
        form = await Request(request.scope, body.receive).form(
            max_files=1, max_fields=_MOST_FIELDS, max_part_size=body.most
        )
    except (MultiPartException, HTTPException) as error:
        detail = error.detail if isinstance(error, HTTPException) else error.message
        raise Refused(400, f"Invalid request: {detail}") from None
    except UnicodeDecodeError:
        raise Refused(400, "Invalid request: the form is not UTF-8") from None
    return _gathered(form.multi_items())


def _gathered(pairs: list[tuple[str, Any]] | list[tuple[str, str]]) -> Fields:
    fields: Fields = {}
    for name, value in pairs:
        if isinstance(value, str):
            value = value.replace("\r\n", "\n")  # as forms send every line break
        if name in fields and name == "q":
            before = fields[name]
            fields[name] = [*before, value] if isinstance(before, list) else [before, value]
        elif name not in fields:
            fields[name] = value
    return fields


def text_field(fields: Mapping[str, Any], name: str) -> str:
    """A field that must be there.

    Raises:
        Refused: it is missing, empty or no text (400).
    """
    value = fields.get(name)
    if value is None or value == "":
        raise Refused(400, f"Invalid request: missing {name} parameter")
    if not isinstance(value, str):
        raise Refused(400, f"Invalid request: {name} parameter is not a text")
    return value


def texts_field(fields: Mapping[str, Any], most: int) -> tuple[list[str], bool]:
    """The texts of the field q, and whether they came as a list.

    Raises:
        Refused: there is none, one is no text (400), or they are too long together (413).
    """
    value = fields.get("q")
    if value is None or value in ("", []):
        raise Refused(400, "Invalid request: missing q parameter")
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise Refused(400, "Invalid request: q parameter is neither a text nor a list of texts")
    length = sum(map(len, texts))
    if length > most:
        raise Refused(413, f"Invalid request: request ({length}) exceeds text limit ({most})")
    if any("\ud800" <= character <= "\udfff" for text in texts for character in text):
        raise Refused(400, "Invalid request: q parameter has half of a surrogate pair, which is no character")
    return texts, isinstance(value, list)


def file_field(fields: Mapping[str, Any]) -> UploadFile:
    """The uploaded file.

    Raises:
        Refused: there is none, or it has no name (400).
    """
    value = fields.get("file")
    if not isinstance(value, UploadFile):
        raise Refused(400, "Invalid request: missing file parameter")
    if not value.filename:
        raise Refused(400, "Invalid request: empty file name")
    return value


async def close_files(fields: Mapping[str, Any]) -> None:
    """Delete what was uploaded."""
    for value in fields.values():
        if isinstance(value, UploadFile):
            await value.close()
