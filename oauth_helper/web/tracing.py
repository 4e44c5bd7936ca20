"""Send traces with OpenTelemetry's instrumentation if OTEL_EXPORTER_OTLP_ENDPOINT is set.

Only the application factory imports this module, because its packages are optional. Spans contain
routes and outcomes, never a query, a body, a token or a customer's address.
"""

from __future__ import annotations

import os

from flask import Flask
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span

from oauth_helper.common.logging import LOG_CONTEXT
from oauth_helper.common.urls import origin_of

# Attributes of the instrumentation that may contain codes, states or IP addresses.
_HIDDEN = ("url.query", "url.full", "client.address", "network.peer.address", "user_agent.original")


class Tracing:
    """Send spans of `app`, of its requests to HubSpot and of its Redis commands to a collector."""

    def __init__(self, endpoint: str, app: Flask) -> None:
        # The stable attribute names: what the older ones hold isn't hidden.
        os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http,database"
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "oauth_helper"}))
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        FlaskInstrumentor().instrument_app(  # type: ignore[no-untyped-call]
            app,
            tracer_provider=self._provider,
            response_hook=_finish_span,
        )
        self._libraries = (URLLib3Instrumentor(), RedisInstrumentor())
        for library in self._libraries:
            # The rest of a webhook's address may hold a token.
            library.instrument(
                tracer_provider=self._provider, url_filter=lambda url: origin_of(url) or ""
            )

    def close(self) -> None:
        """Send the remaining spans and remove the instrumentation."""
        for library in self._libraries:
            library.uninstrument()
        self._provider.shutdown()


def _finish_span(span: Span, _status: str, _headers: object) -> None:
    for name in _HIDDEN:
        if name in getattr(span, "attributes", {}):
            span.set_attribute(name, "")
    for name, value in LOG_CONTEXT.get({}).items():
        span.set_attribute(f"oauth_helper.{name}", value)
