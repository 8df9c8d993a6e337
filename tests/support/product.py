"""The product as its operators run it: `lectern serve` and `lectern worker` as processes."""

import os
import socket
import time
from contextlib import ExitStack
from typing import Self

import httpx

from cli.children import Child
from cli.configuration import variable
from core.settings import Settings

PATIENCE_SECONDS = 60


class Product:
    """API replicas and workers on one database; `stop` leaves nothing behind."""

    def __init__(self, settings: Settings, **environment: str) -> None:
        ours = {variable(name) for name in Settings.model_fields}
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in ours},
            "DATABASE_URL": str(settings.database_url),
            "LECTERN_DATABASE_OWNER_URL": str(settings.database_owner_url),
            "REDIS_URL": str(settings.redis_url),
            "LECTERN_SECRET_KEY": "a secret of the tests, long enough",
            "LECTERN_DATA_DIR": str(settings.data_dir),
            "LECTERN_EMBEDDING_THREADS": "1",
            "LECTERN_DRAIN_SECONDS": "0",
            "LECTERN_SHUTDOWN_SECONDS": "0",
            "LECTERN_OVERLOAD_LAG_SECONDS": "60",  # the machine may have more to do than this
            "LECTERN_RATE_REGISTER": "100000/hour",  # everybody comes from one address here
            "LECTERN_RATE_QUESTION": "100000/minute",  # and one user asks for all tests of a file
            **environment,
        }
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def serve(self, **environment: str) -> tuple[str, Child]:
        """One more API replica, ready: its address without a path, and its process."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        child = self._start("serve", {"LECTERN_PORT": str(port), **environment})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _ready(url):
            assert child.is_running(), "the API ended instead of becoming ready"
            assert time.monotonic() < deadline, "the API does not become ready"
            time.sleep(0.05)
        return url, child

    def work(self, **environment: str) -> Child:
        """One more worker."""
        return self._start("worker", environment)

    def _start(self, command: str, environment: dict[str, str]) -> Child:
        child = Child(command, environment=self._environment | environment, stop_seconds=20)
        self._stack.callback(child.stop)
        child.start()
        return child


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
