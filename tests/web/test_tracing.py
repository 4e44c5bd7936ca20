"""Traces as a collector gets them, over real HTTP."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from harness import browser_of, customer_of
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from oauth_helper.common.http import HttpClient

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def collector():
    """The address of a collector, and the bodies that it was sent."""
    bodies = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/traces"
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()
        thread.join()


def test_a_connection_is_traced_without_what_is_secret(make_app, hubspot, collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http/dup")
    address, bodies = collector
    app = make_app(OTEL_EXPORTER_OTLP_ENDPOINT=address)
    customer = customer_of(app, hubspot)
    customer.browser.environ_base["HTTP_TRACEPARENT"] = f"00-{TRACE}-00f067aa0ba902b7-01"
    assert "HubSpot is connected" in customer.connect().text
    assert browser_of(app).get("/nothing-here?code=canary").status_code == 404
    HttpClient().request("PUT", f"{hubspot.url}/canary-of-a-hook?key=canary", headers={})
    app.extensions["oauth_helper_tracing"].close()
    spans = {
        span.name: span
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    callback, token = spans["GET /callback/<name>"], spans["POST"]
    assert callback.trace_id.hex() == TRACE
    assert token.parent_span_id == callback.span_id
    assert spans["EVALSHA"].trace_id.hex() == TRACE
    attributes = {each.key: each.value for each in callback.attributes}
    assert attributes["http.route"].string_value == "/callback/<name>"
    assert attributes["http.response.status_code"].int_value == 303
    assert len(attributes["oauth_helper.reference"].string_value) == 14
    everything = b"".join(bodies)
    assert b"canary" not in everything
    assert not [secret for secret in hubspot.issued if secret.encode() in everything]


def test_nothing_of_it_is_imported_where_it_is_off():
    code = """
import json, sys
from oauth_helper import create_app
from oauth_helper.config.settings import Settings
create_app(Settings.from_environ({"REDIS_URL": "redis://127.0.0.1:1", "SECRET_KEY": "k" * 32}))
# redis-py imports the rest, if it is installed.
ours = ("opentelemetry.exporter", "oauth_helper.common.tracing")
print(json.dumps([name for name in sys.modules if name.startswith(ours)]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == []
