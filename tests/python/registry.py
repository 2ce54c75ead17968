"""An npm registry on a loopback port to which npm itself publishes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote


@dataclass
class Registry:
    """What was published, in its order, and what is refused."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    environment: dict[str, str] = field(default_factory=dict)


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """Serves until it is left; its environment is what npm must be told."""
    found = Registry()

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            document = found.documents.get(unquote(self.path.lstrip("/").split("?")[0]))
            self.answer(200, document) if document else self.answer(404, {"error": "not found"})

        def do_PUT(self) -> None:
            document: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if document["name"] in found.refused:
                return self.answer(403, {"error": "refused"})
            document.pop("_attachments", None)
            found.documents[document["name"]] = document
            return self.answer(201, {"ok": True})

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a test prints only what went wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    at = f"//127.0.0.1:{server.server_address[1]}/"
    (folder / "npmrc").write_text(f"registry=http:{at}\n{at}:_authToken=a-token-of-nobody\n", encoding="utf-8")
    found.environment = {
        "npm_config_userconfig": str(folder / "npmrc"),
        "npm_config_registry": f"http:{at}",
        "npm_config_cache": str(folder / "cache"),
        "npm_config_fetch_retries": "0",
        "npm_config_update_notifier": "false",
    }
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
