"""What a Prometheus server may ask: requests, how long they took, what waits, and how much was translated."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .work import Work

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The figures of one server. Labels take values of a small set only: no address, key or text is in them."""

    def __init__(self, work: Work):
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "nmt_requests", "Requests answered, by path and status", ["path", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "nmt_request_seconds",
            "From the request to the end of the answer",
            ["path"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.characters = Counter(
            "nmt_characters", "Characters of source text translated", ["source", "target"], registry=self._registry
        )
        for name, what, value in (
            ("nmt_working", "Requests being translated", lambda: work.num_working),
            ("nmt_waiting", "Requests that wait to be translated", lambda: work.num_waiting),
        ):
            Gauge(name, what, registry=self._registry).set_function(value)
        ProcessCollector(registry=self._registry)

    def page(self) -> bytes:
        """All figures in Prometheus's text format."""
        return generate_latest(self._registry)


class Measured:
    """ASGI middleware that counts and times every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]):
        self.app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500
        start = time.perf_counter()

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noting)
        finally:
            path = self._label(scope["path"])
            self._metrics.requests.labels(path, str(status)).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - start)

    def _label(self, path: str) -> str:
        if path in self._paths:
            return path
        return "/download_file" if path.startswith("/download_file/") else "other"
