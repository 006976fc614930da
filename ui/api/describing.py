"""What the interface says about itself: an OpenAPI description, and the same as a plain page that needs no script."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

ABOUT = (
    "Translation on this computer, with the interface of LibreTranslate. Texts go in as JSON, as a form or in the "
    'address; an error is always {"error": "what is wrong"}.'
)

_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "number"}
_TEXTS: dict[str, Any] = {"oneOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_KEY = {**_TEXT, "description": "Where the server asks for one; also as Authorization: Bearer KEY"}
_Q = {**_TEXTS, "description": "What to translate: a text or a list of texts", "example": "Good morning!"}
_SOURCE = {**_TEXT, "description": 'Its language, or "auto"', "example": "en"}
_TARGET = {**_TEXT, "description": "The language to translate into", "example": "ja"}
_DETECTED = {"type": "object", "properties": {"confidence": {**_NUMBER, "maximum": 100}, "language": _TEXT}}
_PLACE = {"type": "object", "properties": {"code": _TEXT, "name": _TEXT}}
_ERROR = {"type": "object", "properties": {"error": _TEXT}, "required": ["error"]}
_ERRORS = {
    400: "A parameter is missing or wrong, a language is not installed, or a key is missing",
    403: "The key is wrong",
    404: "It is not there",
    408: "The request did not arrive in time",
    413: "The text or the file is too large",
    429: "Too many requests; Retry-After says in how many seconds the next may come",
    500: "The translation failed",
    503: "Too many requests wait already; try again later",
    504: "The translation took too long",
}
_OF_TEXT = (400, 403, 408, 413, 429, 500, 503, 504)


def _object(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), **({"required": list(required)} if required else {})}


def _route(
    summary: str,
    answer: Mapping[str, Any] | None = None,
    *,
    kind: str = "application/json",
    body: Mapping[str, Any] | None = None,
    forms: tuple[str, ...] = ("application/json", "application/x-www-form-urlencoded"),
    query: Mapping[str, Any] | None = None,
    errors: tuple[int, ...] = (),
) -> dict[str, Any]:
    """The arguments that a route of FastAPI takes for its description."""
    extra: dict[str, Any] = {}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": {form: {"schema": dict(body)} for form in forms}}
    if query is not None:
        extra["parameters"] = [{"name": name, "in": "query", "schema": what} for name, what in query.items()]
    responses: dict[int | str, Any] = {200: {"description": "Done", "content": {kind: {"schema": dict(answer or {})}}}}
    for status in errors:
        responses[status] = {"description": _ERRORS[status], "content": {"application/json": {"schema": _ERROR}}}
    return {"summary": summary, "responses": responses, "openapi_extra": extra, "response_model": None}


TRANSLATE = _route(
    "Translate texts",
    _object(
        {
            "translatedText": {**_TEXTS, "description": "A list where q is one; so are the two below"},
            "detectedLanguage": {**_DETECTED, "description": 'Where source is "auto"'},
            "alternatives": {"type": "array", "items": _TEXT, "description": "Where some were asked for; best first"},
            "warning": {**_TEXT, "description": "Where the text is clearly not in the language it is said to be in"},
        },
        "translatedText",
    ),
    body=_object(
        {
            "q": _Q,
            "source": _SOURCE,
            "target": _TARGET,
            "format": {"type": "string", "enum": ["text", "html"], "default": "text"},
            "alternatives": {"type": "integer", "default": 0, "minimum": 0, "maximum": 10},
            "api_key": _KEY,
        },
        "q",
        "source",
        "target",
    ),
    errors=_OF_TEXT,
)
_STREAMED: dict[str, Any] = {
    "type": "string",
    "description": "Server-sent events: sentence {index, source, translatedText} for each part as soon as it is done; "
    "then done {translatedText}, or error {error}. The parts one after the other are the whole translation.",
}
_STREAM_FIELDS = {
    "q": {**_TEXT, "description": "What to translate", "example": "Good morning! How are you?"},
    "source": _SOURCE,
    "target": _TARGET,
    "api_key": _KEY,
}
STREAM = _route(
    "Translate a text sentence by sentence",
    _STREAMED,
    kind="text/event-stream",
    body=_object(_STREAM_FIELDS, "q", "source", "target"),
    errors=_OF_TEXT,
)
STREAM_BY_ADDRESS = _route(
    "The same for EventSource, which can only GET",
    _STREAMED,
    kind="text/event-stream",
    query=_STREAM_FIELDS,
    errors=_OF_TEXT,
)
DETECT = _route(
    "Which language a text is in",
    {"type": "array", "items": _DETECTED, "description": "Most likely first; confidence in percent"},
    body=_object({"q": {**_TEXT, "example": "Hello world!"}, "api_key": _KEY}, "q"),
    errors=_OF_TEXT,
)
TRANSLATE_FILE = _route(
    "Translate a file",
    _object({"translatedFileUrl": {**_TEXT, "description": "Where the translation can be fetched for half an hour"}}),
    body=_object(
        {"file": {"type": "string", "format": "binary"}, "source": _SOURCE, "target": _TARGET, "api_key": _KEY},
        "file",
        "source",
        "target",
    ),
    forms=("multipart/form-data",),
    errors=_OF_TEXT,
)
DOWNLOAD_FILE = _route(
    "Fetch a translated file", {**_TEXT, "format": "binary"}, kind="application/octet-stream", errors=(404,)
)
LANGUAGES = _route(
    "The installed languages, and into which each can be translated",
    {"type": "array", "items": _object({"code": _TEXT, "name": _TEXT, "targets": {"type": "array", "items": _TEXT}})},
)
SETTINGS = _route(
    "Limits and abilities, for a page that uses the interface",
    _object(
        {
            "charLimit": {"type": "integer"},
            "frontendTimeout": {"type": "integer", "description": "Milliseconds to wait for the next key stroke"},
            "apiKeys": {"type": "boolean"},
            "keyRequired": {"type": "boolean"},
            "suggestions": {"type": "boolean"},
            "filesTranslation": {"type": "boolean"},
            "supportedFilesFormat": {"type": "array", "items": _TEXT},
            "language": _object({"source": _PLACE, "target": _PLACE}),
        }
    ),
)
HEALTH = _route("Whether the server is up", _object({"status": _TEXT}))
METRICS = _route("Figures for Prometheus", _TEXT, kind="text/plain", errors=(400, 403, 429))

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-top: 1px solid #8886; padding-top: 1rem; font-size: 1.1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { background: #8882; padding: .75rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; }
th { font-weight: 600; font-size: .85em; }
.scroll { overflow-x: auto; }
"""
_EXAMPLE = """curl {address}/translate -H 'Content-Type: application/json' \\
    -d '{{"q": "Good morning!", "source": "{source}", "target": "{target}"}}'"""


def page(schema: Mapping[str, Any], address: str, source: str, target: str) -> str:
    """The OpenAPI description as HTML."""
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>Interface</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{escape(schema['info']['title'])} {escape(schema['info']['version'])}</h1>",
        f"<p>{escape(schema['info']['description'])}</p>",
        '<p>The same for programs: <a href="openapi.json">openapi.json</a>. The page: <a href="./">translate</a>.</p>',
        f"<pre>{escape(_EXAMPLE.format(address=address, source=source, target=target))}</pre>",
    ]
    for path, methods in schema["paths"].items():
        for method, what in methods.items():
            parts.append(f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2>")
            parts.append(f"<p>{escape(what['summary'])}</p>{_parameters(what)}{_responses(what)}")
    return "".join([*parts, "</main></body></html>"])


def _parameters(what: Mapping[str, Any]) -> str:
    rows = [(one["name"], one["schema"], False) for one in what.get("parameters", ())]
    for content in list(what.get("requestBody", {}).get("content", {}).values())[:1]:
        required = content["schema"].get("required", ())
        rows += [(name, one, name in required) for name, one in content["schema"]["properties"].items()]
    return _table("Parameter", [(name, _words(one, required)) for name, one, required in rows])


def _responses(what: Mapping[str, Any]) -> str:
    rows: list[tuple[str, str]] = []
    for status, response in what["responses"].items():
        words = response["description"]
        for kind, content in response.get("content", {}).items():
            if status == "200":
                fields = content["schema"].get("properties")
                shape = json.dumps({name: _words(one) for name, one in fields.items()}, indent=1) if fields else ""
                words = f"{kind} {shape or content['schema'].get('description', '')}".strip()
        rows.append((status, words))
    return _table("Status", rows)


def _words(schema: Mapping[str, Any], required: bool = False) -> str:
    """A schema in a few words."""
    kinds = [one["type"] for one in schema.get("oneOf", [schema]) if "type" in one]
    words = [" or ".join(kinds), *(["required"] if required else []), *map(str, schema.get("enum", ()))]
    described = f": {schema['description']}" if "description" in schema else ""
    return ", ".join(words) + described


def _table(heading: str, rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    body = "".join(f"<tr><td><code>{escape(name)}</code></td><td>{escape(words)}</td></tr>" for name, words in rows)
    return f'<div class="scroll"><table><tr><th>{heading}</th><th>What</th></tr>{body}</table></div>'
