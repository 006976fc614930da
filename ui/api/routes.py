"""The routes of LibreTranslate, and beside them a stream and metrics; `build` makes the application."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp

import nmt

from .. import detect
from ..models import Models
from ..settings import ServerConfig
from . import describing, files, markup, metrics, reading, translating, uploads
from .gate import Gate, Refused
from .service import FAULT, Pair, Service, warning
from .streaming import events
from .work import Stop, Work

PATHS = frozenset(
    {
        "/translate",
        "/translate/stream",
        "/translate_file",
        "/translate_file/stream",
        "/detect",
        "/languages",
        "/frontend/settings",
        "/health",
        "/metrics",
        "/docs",
        "/openapi.json",
    }
)
DOWNLOAD = "/download_file/"


def serves(path: str) -> bool:
    """Whether a path is the interface's, not the page's."""
    return path in PATHS or path.startswith(DOWNLOAD)


def build(models: Models, config: ServerConfig, gate: Gate, work: Work, folder: Path) -> ASGIApp:
    """The interface as an application.

    Args:
        models: what is installed.
        config: the limits.
        gate: who may call, and how often.
        work: the threads and the queue; to be left after the server has stopped.
        folder: for translated files.
    """
    service = Service(
        models,
        config,
        work,
        gate,
        metrics.Metrics(work),
        files.Shelf(folder, 50 * config.max_upload_mb * 1_000_000),
    )
    app = FastAPI(title="nmt", version=nmt.__version__, description=describing.ABOUT, docs_url=None, redoc_url=None)
    _add_translation(app, service)
    uploads.add_routes(app, service, DOWNLOAD)
    _add_information(app, service)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(nmt.NmtError, _nmt_error)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _fault)
    if config.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(config.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
            expose_headers=["retry-after"],
        )
    return metrics.Measured(app, service.metrics, PATHS)


def _add_translation(app: FastAPI, service: Service) -> None:
    @app.post("/translate", **describing.TRANSLATE)
    async def translate(request: Request) -> Response:
        fields = await service.fields(request)
        texts, is_list = reading.texts_field(fields, service.config.max_text_length)
        languages = (reading.text_field(fields, "source"), reading.text_field(fields, "target"))
        html, num_alternatives = _format(fields) == "html", _num_alternatives(fields)
        sample = _sample(texts, html)

        def call(stop: Stop) -> tuple[Pair, list[translating.Answer]]:
            pair = service.pair(*languages, sample)
            return pair, service.translate(texts, pair, stop, html=html, num_alternatives=num_alternatives)

        pair, answers = await service.run(request, call, service.config.seconds_for(sum(map(len, texts))))
        result: dict[str, Any] = {"translatedText": _one_or_all([answer.text for answer in answers], is_list)}
        if pair.confidence is not None:
            result["detectedLanguage"] = _one_or_all([pair.detected()] * len(texts), is_list)
        if num_alternatives:
            result["alternatives"] = _one_or_all([list(answer.alternatives) for answer in answers], is_list)
        if said := warning(sample, pair):
            result["warning"] = said
        return JSONResponse(result)

    async def stream(request: Request) -> Response:
        fields = await service.fields(request)
        texts, is_list = reading.texts_field(fields, service.config.max_text_length)
        if is_list:
            raise Refused(400, "Invalid request: q parameter must be one text here, not a list")
        languages = (reading.text_field(fields, "source"), reading.text_field(fields, "target"))
        pair = await service.run(request, lambda stop: service.pair(*languages, texts[0]), service.config.timeout)
        service.check_room()
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(events(service, texts[0], pair), headers=headers, media_type="text/event-stream")

    app.post("/translate/stream", **describing.STREAM)(stream)
    app.get("/translate/stream", **describing.STREAM_BY_ADDRESS)(stream)

    @app.post("/detect", **describing.DETECT)
    async def detect_language(request: Request) -> Response:
        fields = await service.fields(request)
        texts, _ = reading.texts_field(fields, service.config.max_text_length)
        codes = [*service.models.languages(), *sorted(detect.LANGUAGES)]
        sample = _sample(texts)
        found = await service.run(request, lambda stop: detect.detect(sample, codes), service.config.timeout)
        likely = [{"confidence": one.confidence, "language": one.language} for one in found if one.confidence >= 1]
        fallback = {"confidence": 0.0, "language": service.models.languages()[0]}
        return JSONResponse(likely[:5] or [fallback])


def _add_information(app: FastAPI, service: Service) -> None:
    models = service.models

    @app.get("/languages", **describing.LANGUAGES)
    async def languages() -> Response:
        return JSONResponse(
            [
                {"code": code, "name": nmt.language(code).name, "targets": models.targets(code)}
                for code in models.languages()
            ]
        )

    @app.get("/frontend/settings", **describing.SETTINGS)
    async def settings() -> Response:
        first = next(iter(models.infos.values()))
        source, target = (
            {"code": code, "name": nmt.language(code).name} for code in (first.source_language, first.target_language)
        )
        return JSONResponse(
            {
                "charLimit": service.config.max_text_length,
                "frontendTimeout": 500,
                "apiKeys": bool(service.gate.keys),
                "keyRequired": bool(service.gate.keys),
                "suggestions": False,
                "filesTranslation": True,
                "supportedFilesFormat": files.formats(),
                "language": {"source": source, "target": target},
            }
        )

    @app.get("/health", **describing.HEALTH)
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    @app.get("/metrics", **describing.METRICS)
    async def figures(request: Request) -> Response:
        if service.gate.keys:
            service.admit(request, request.query_params)
        return Response(service.metrics.page(), media_type=metrics.CONTENT_TYPE)

    @app.get("/docs", include_in_schema=False)
    async def documentation(request: Request) -> Response:
        first = next(iter(models.infos.values()))
        address = str(request.base_url).rstrip("/")
        return HTMLResponse(describing.page(app.openapi(), address, first.source_language, first.target_language))


def _sample(texts: list[str], html: bool = False) -> str:
    """As much of the texts as shows which language they are in, without tags."""
    joined = "\n".join(text[: detect.SAMPLE] for text in texts[:100])
    return markup.visible(joined) if html else joined


def _one_or_all(values: list[Any], is_list: bool) -> Any:
    return values if is_list else values[0]


def _format(fields: reading.Fields) -> str:
    wanted = fields.get("format") or "text"
    if wanted not in ("text", "html"):
        raise Refused(400, f"{str(wanted)[:40]} format is not supported; text and html are")
    return str(wanted)


def _num_alternatives(fields: reading.Fields) -> int:
    try:
        wanted = max(0, int(fields.get("alternatives") or 0))
    except (TypeError, ValueError, OverflowError):
        raise Refused(400, "Invalid request: alternatives parameter is not a number") from None
    if wanted > translating.MAX_ALTERNATIVES:
        raise Refused(400, f"Invalid request: alternatives parameter must be <= {translating.MAX_ALTERNATIVES}")
    return wanted


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return JSONResponse({"error": error.message}, error.status, error.headers)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _nmt_error(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"Cannot translate text: {error}"}, 500)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it; for the metrics


async def _fault(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": FAULT}, 500)
