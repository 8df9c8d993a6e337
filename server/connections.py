"""Connections before anybody is known: how many, how large their heads, how slow their bodies."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from core.addresses import network_of
from core.telemetry import CONNECTIONS_REFUSED

MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers."""
BODY_SECONDS = 15
"""In so long a body ends, or at least `BODY_BYTES` of it come."""
BODY_BYTES = 16 * 1024
WRITE_SECONDS = 30
"""A client that has not read anything for so long is given up."""

_REFUSAL = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n%s\r\n"


@dataclass(slots=True)
class Connections:
    """Counts the connections of a process, in all and of each network that is no trusted proxy."""

    limit: int
    limit_of_network: int
    head_seconds: float
    is_proxy: Callable[[str], bool]
    _open: dict[asyncio.BaseTransport, str] = field(default_factory=dict)
    _of_network: Counter[str] = field(default_factory=Counter)

    def admit(self, transport: asyncio.BaseTransport) -> bool:
        peer = transport.get_extra_info("peername")
        host = peer[0] if isinstance(peer, tuple) else ""
        network = "" if not host or self.is_proxy(host) else network_of(host)
        if len(self._open) >= self.limit:
            return False
        if network and self._of_network[network] >= self.limit_of_network:
            return False
        self._open[transport] = network
        self._of_network[network] += 1
        return True

    def forget(self, transport: asyncio.BaseTransport) -> None:
        network = self._open.pop(transport, None)
        if network is not None:
            self._of_network[network] -= 1
            if not self._of_network[network]:
                del self._of_network[network]


class BoundedHTTP(HttpToolsProtocol):
    """uvicorn's protocol, with an end for whatever takes too much or too long."""

    def __init__(self, bounds: Connections, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bounds = bounds
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._body_bytes = 0
        self._in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._bounds.admit(transport):
            self._begin_head()
        else:
            self._refuse("connections", b"503 Service Unavailable", b"Retry-After: 5\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop(self._timer)
        self._stop(self._writing)
        self._bounds.forget(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse("head", b"431 Request Header Fields Too Large", b"")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._in_head:
            self._begin_head()

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes, self._body_bytes = False, 0, 0
        self._wait(BODY_SECONDS, self._check_body)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._stop(self._timer)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._stop(self._timer)
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop(self._writing)
        self._writing = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop(self._writing)
        super().resume_writing()

    def _begin_head(self) -> None:
        self._in_head = True
        expired = partial(self._refuse, "head", b"408 Request Timeout", b"")
        self._wait(self._bounds.head_seconds, expired)

    def _check_body(self) -> None:
        # While the application does not take what has come, no more can come.
        if self._body_bytes < BODY_BYTES and not self.flow.read_paused:
            self._refuse("body", b"408 Request Timeout", b"")
        else:
            self._body_bytes = 0
            self._wait(BODY_SECONDS, self._check_body)

    def _refuse(self, what: str, status: bytes, headers: bytes) -> None:
        CONNECTIONS_REFUSED.labels(what).inc()
        self._stop(self._timer)
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(_REFUSAL % (status, headers))
        self.transport.close()

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop(self._timer)
        self._timer = self.loop.call_later(seconds, then)

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


class CountedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol; its connection was counted when it began as HTTP."""

    def __init__(self, bounds: Connections, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bounds = bounds

    def connection_lost(self, exc: Exception | None) -> None:
        self._bounds.forget(self.transport)
        super().connection_lost(exc)
