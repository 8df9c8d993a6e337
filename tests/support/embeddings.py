"""A loopback server that speaks OpenAI's embeddings API; each text has its own vector."""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import numpy as np

DIMENSIONS = 16
QUERY_CHARACTERS = 100


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that are killed in the middle are no error here."""


class EmbeddingServer:
    """`answering.clear()` lets passages wait until `answering.set()`; queries are short."""

    def __init__(self) -> None:
        self.answering = answering = threading.Event()
        answering.set()
        self.seconds = 0.0
        """What each request takes."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if max(map(len, request["input"])) > QUERY_CHARACTERS:
                    answering.wait()
                time.sleep(server.seconds)
                data = [
                    {"object": "embedding", "index": index, "embedding": embedding(text)}
                    for index, text in enumerate(request["input"])
                ]
                body = json.dumps({"object": "list", "model": "loopback", "data": data}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def settings(self) -> dict[str, Any]:
        """What makes the product embed here."""
        return {
            "embedder": "openai",
            "openai_base_url": self.url,
            "embedding_model": "loopback",
            "embedding_dimensions": DIMENSIONS,
        }

    @property
    def environment(self) -> dict[str, str]:
        """The same for its processes."""
        return {
            "LECTERN_EMBEDDER": "openai",
            "OPENAI_BASE_URL": self.url,
            "LECTERN_EMBEDDING_MODEL": "loopback",
            "LECTERN_EMBEDDING_DIMENSIONS": str(DIMENSIONS),
            "LECTERN_ANSWERER": "extractive",
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.answering.set()
        self._server.shutdown()
        self._server.server_close()


def embedding(text: str) -> str:
    digest = hashlib.shake_256(text.encode()).digest(4 * DIMENSIONS)
    vector = np.frombuffer(digest, "<i4").astype("<f4")
    return base64.b64encode(vector.tobytes()).decode()
