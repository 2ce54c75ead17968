"""A collector of traces: HTTP on a loopback port, and OpenTelemetry's own package to read what it is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """What has arrived. `answers` are the statuses of the next answers; 200 behind them."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[ExportTraceServiceRequest] = []
        self.paths: list[str] = []
        self.answers: list[int] = []
        self.refused = 0
        self.arrived = threading.Condition()

    @property
    def spans(self) -> list[Span]:
        with self.arrived:
            return [
                span
                for request in self.requests
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            ]

    def wait_for(self, count: int) -> list[Span]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.spans) >= count, 20), len(self.spans)
        return self.spans

    def take(self, path: str, content_type: str | None, body: bytes) -> int:
        with self.arrived:
            if self.answers:
                self.refused += 1
                return self.answers.pop(0)
            assert content_type == "application/x-protobuf"
            self.paths.append(path)
            self.requests.append(ExportTraceServiceRequest.FromString(body))
            self.arrived.notify_all()
            return 200


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(collector.take(self.path, self.headers["content-type"], body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        yield collector
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def attributes(of: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in of.attributes}
