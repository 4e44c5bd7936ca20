"""Traces by OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT is set; imported nowhere else.

Spans hold routes and outcomes, never a query, a body, a token or an address of a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response, g, request
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from structlog.contextvars import get_contextvars


class Tracing:
    """Sends spans to the collector at `endpoint`, in a thread of its own."""

    def __init__(self, endpoint: str) -> None:
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "oauth_helper"}))
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("oauth_helper")

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """A span within that of the request."""
        with self._tracer.start_as_current_span(name, kind=trace.SpanKind.CLIENT):
            yield

    def install(self, app: Flask) -> None:
        """Makes a span of each request to `app`, within the caller's if it names one."""

        @app.before_request
        def begin() -> None:
            span = self._tracer.start_as_current_span(
                request.endpoint or "none",
                context=propagate.extract(request.headers),
                kind=trace.SpanKind.SERVER,
                attributes={
                    "http.request.method": request.method,
                    "http.route": str(request.url_rule or ""),
                },
            )
            span.__enter__()
            g.span = span

        @app.after_request
        def outcome(response: Response) -> Response:
            span = trace.get_current_span()
            span.set_attribute("http.response.status_code", response.status_code)
            for name, value in get_contextvars().items():
                span.set_attribute(f"oauth_helper.{name}", value)
            return response

        @app.teardown_request
        def end(_error: BaseException | None) -> None:
            span = g.pop("span", None)
            if span is not None:
                span.__exit__(None, None, None)

    def close(self) -> None:
        """Sends what is left."""
        self._provider.shutdown()
