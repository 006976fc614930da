"""The routes for files: translate one, say how far it is, hand out the translation."""

import asyncio
import functools
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.requests import Request

import nmt

from ..settings import FILE_PATIENCE
from . import describing, files, reading
from .gate import Refused
from .service import FAULT, Service, busy, late
from .streaming import event
from .work import BusyError, LateError, Stop

Progress = tuple[int, int, float]


def add_routes(app: FastAPI, service: Service, download: str) -> None:
    """Add them; `download` is the beginning of the addresses that translations are fetched from."""

    @app.post("/translate_file", **describing.TRANSLATE_FILE)
    async def translate_file(request: Request) -> Response:
        fields = await _receive(service, request)
        try:
            upload, job = reading.file_field(fields), _job(fields)
            call = functools.partial(service.translate_upload, upload.file, job)
            kept = await service.run(request, call, service.config.timeout * FILE_PATIENCE)
        finally:
            await reading.close_files(fields)
        return JSONResponse({"translatedFileUrl": _address(request, download, kept)})

    @app.post("/translate_file/stream", include_in_schema=False)  # for the page
    async def translate_file_stream(request: Request) -> Response:
        fields = await _receive(service, request)
        try:
            _job(fields)
        except Refused:
            await reading.close_files(fields)
            raise
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        told = _events(service, fields, functools.partial(_address, request, download))
        return StreamingResponse(told, headers=headers, media_type="text/event-stream")

    @app.get(f"{download}{{name}}", **describing.DOWNLOAD_FILE)
    async def download_file(name: str) -> Response:
        kept = service.shelf.find(name)
        if kept is None:
            raise Refused(404, "There is no such file, or not any more")
        # Never a type that a browser would show: what is inside came from somebody.
        return FileResponse(kept.path, filename=kept.name, media_type="application/octet-stream")


async def _receive(service: Service, request: Request) -> reading.Fields:
    service.shelf.sweep()
    service.check_room()
    return await service.fields(request, service.config.max_upload_mb * 1_000_000 + reading.FORM_BYTES)


def _job(fields: reading.Fields) -> files.FileJob:
    """Raises Refused where a field is missing or wrong."""
    name = files.safe_name(reading.file_field(fields).filename or "")
    files.check_format(name)
    columns = str(fields.get("columns") or "")
    return files.FileJob(
        name,
        reading.text_field(fields, "source"),
        reading.text_field(fields, "target"),
        tuple(column.strip() for column in columns.split(",") if column.strip()),
        str(fields.get("model") or ""),
    )


def _address(request: Request, download: str, kept: str) -> str:
    return f"{str(request.base_url).rstrip('/')}{download}{kept}"


async def _events(service: Service, fields: reading.Fields, address: "functools.partial[str]") -> AsyncIterator[str]:
    """Server-sent events: `progress` now and then, then `done`, or `error`."""
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[Progress | None] = asyncio.Queue()
    upload, job = reading.file_field(fields).file, _job(fields)

    def tell(done: int, total: int, seconds_left: float) -> None:
        loop.call_soon_threadsafe(told.put_nowait, (done, total, seconds_left))

    def call(stop: Stop) -> str:
        return service.translate_upload(upload, job, stop, tell)

    patience = service.config.timeout * FILE_PATIENCE
    working = asyncio.ensure_future(service.work.run(call, patience))
    working.add_done_callback(lambda _: told.put_nowait(None))
    try:
        while (progress := await told.get()) is not None:
            done, total, seconds_left = progress
            yield event("progress", {"done": done, "total": total, "seconds_left": round(seconds_left, 1)})
        yield event("done", {"translatedFileUrl": address(working.result())})
    except Refused as error:
        yield event("error", {"error": error.message})
    except (nmt.NmtError, BusyError, LateError) as error:
        yield event("error", {"error": _what_happened(error, patience)})
    except Exception:
        yield event("error", {"error": FAULT})
        raise
    finally:
        working.cancel()
        await reading.close_files(fields)


def _what_happened(error: Exception, seconds: float) -> str:
    if isinstance(error, BusyError):
        return busy().message
    return late(seconds).message if isinstance(error, LateError) else f"Cannot translate the file: {error}"
