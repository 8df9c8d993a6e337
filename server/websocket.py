"""graphql-transport-ws: GraphQL over websockets, after the protocol of the npm package graphql-ws.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import Any

import structlog
from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from core.addresses import network_of
from core.errors import DomainError, ErrorCode, RateLimited
from core.principal import Principal
from core.telemetry import WEBSOCKETS, correlation_id
from server.drain import Drain
from server.encoding import decode_json, encode_json
from server.limits import ConnectionCap, caller
from server.operations import Executor, OperationRequest
from server.results import is_request_error, result_body

PROTOCOL = "graphql-transport-ws"
TRY_AGAIN_LATER = 1013
"""The close code after which graphql-ws tries again; it takes 4429 for the end of all tries."""
SEND_SECONDS = 30
"""Seconds after which a peer that takes no message is given up."""
MAX_SMALL_MESSAGE_BYTES = 16 * 1024
"""Largest message that anybody may send, and largest ping, which is sent back."""

logger = structlog.get_logger()


class Close(Exception):
    """Raised to end the connection; without a code because the peer has gone."""

    def __init__(self, code: int | None = None, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    init_seconds: float = 10
    """Seconds from the handshake to the acknowledged `connection_init`."""
    operations: int = 50
    """Number of operations that may run at the same time."""
    uninitialised: int = 200
    """Connections of one address that have not been acknowledged yet."""


class Pace:
    """Delays for a client that sends faster than it may."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._taken_until = 0.0

    def take(self, size: float, now: float) -> float:
        """Seconds to wait from now on."""
        begun = max(self._taken_until, now - self._burst / self._per_second)
        self._taken_until = begun + size / self._per_second
        return max(0.0, self._taken_until - now)


class GraphQLOverWebSocket:
    """The ASGI application of the GraphQL path for scopes of type `websocket`."""

    def __init__(
        self, executor: Executor, cap: ConnectionCap, drain: Drain, limits: ConnectionLimits
    ) -> None:
        self._executor = executor
        self._cap = cap
        self._drain = drain
        self._limits = limits
        self._uninitialised = ConnectionCap(limits.uninitialised)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        if PROTOCOL not in scope["subprotocols"]:
            await socket.accept()
            await socket.close(4406, "Subprotocol not acceptable")
            return
        await socket.accept(PROTOCOL)
        with WEBSOCKETS.track_inprogress(), ExitStack() as stack:
            try:
                address = socket.client.host if socket.client else ""
                stack.enter_context(self._uninitialised.hold(network_of(address)))
            except RateLimited as error:
                await socket.close(TRY_AGAIN_LATER, error.message)
                return
            connection = _Connection(socket, self._executor, self._cap, self._limits, stack.close)
            with self._drain.hold(connection):
                await connection.serve()


class _Connection:
    """One socket: this task reads its messages, and every operation runs in a task of its own."""

    def __init__(
        self,
        socket: WebSocket,
        executor: Executor,
        cap: ConnectionCap,
        limits: ConnectionLimits,
        on_acknowledged: Callable[[], None],
    ) -> None:
        self._socket = socket
        self._on_acknowledged = on_acknowledged
        self._pace = Pace(per_second=5, burst=20)
        self._executor = executor
        self._cap = cap
        self._limits = limits
        self._acknowledged = False
        self._principal: Principal | None = None
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._operation_count = 0
        self._answers: set[str] = set()
        """Ids of operations that carry an answer."""
        self._tasks: set[asyncio.Task[None]] = set()
        """Tasks of the operations, also of completed ones that are still cleaning up."""
        self._end: Close | None = None

    @property
    def carries_answer(self) -> bool:
        return bool(self._answers)

    def leave(self) -> None:
        self._fail(Close(1001, "Going away"))

    async def serve(self) -> None:
        """Return when the connection has ended and all its operations with it."""
        with ExitStack() as self._held:
            try:
                self._end = await self._read()
            finally:
                await self._cancel_operations()
            if self._end.code is not None:
                await self._close(self._end.code, self._end.reason)

    async def _read(self) -> Close:
        """Handle messages until the connection has to end, and return why."""
        try:
            async with asyncio.timeout(self._limits.init_seconds) as self._deadline:
                while True:
                    await self._handle(await self._receive())
        except Close as close:
            return close
        except Exception as error:
            if not self._deadline.expired():
                logger.exception("websocket failed", exc_info=error)
                return Close(4500, "Internal server error")
        if self._end:
            return self._end
        if self._acknowledged:  # the token has expired: clients try again with a new one
            return Close(4403, "Forbidden")
        return Close(4408, "Connection initialisation timeout")

    def _fail(self, close: Close) -> None:
        """End the connection from an operation."""
        if self._end is None:
            self._end = close
            self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _cancel_operations(self) -> None:
        for task in self._tasks:
            if not task.cancelling():  # a second time would cut its clean-up short
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _receive(self) -> dict[str, Any]:
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            raise Close
        if (text := event.get("text")) is None:
            raise Close(4400, "Messages must be text")
        if not self._acknowledged and len(text) > MAX_SMALL_MESSAGE_BYTES:
            raise Close(1009, "Too large before the acknowledgement")
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(self._pace.take(1 + len(text) / MAX_SMALL_MESSAGE_BYTES, now))
        try:
            message = decode_json(text)
        except ValueError:
            raise Close(4400, "Messages must be JSON") from None
        if not isinstance(message, dict):
            raise Close(4400, "Messages must be objects")
        return message

    async def _handle(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "connection_init":
                await self._initialise(_payload(message))
            case "ping":
                if len(encode_json(_payload(message))) > MAX_SMALL_MESSAGE_BYTES:
                    raise Close(1009, "Too large for a ping")
                await self._send({**message, "type": "pong"})
            case "pong":
                _payload(message)
            case "subscribe":
                await self._subscribe(_id(message), message.get("payload"))
            case "complete":
                if task := self._operations.pop(_id(message), None):
                    task.cancel()
            case _:
                raise Close(4400, "Unknown message type")

    async def _initialise(self, payload: dict[str, Any]) -> None:
        if self._acknowledged:
            raise Close(4429, "Too many initialisation requests")
        authorization = self._socket.headers.get("authorization")
        for name, value in payload.items():
            if name.lower() == "authorization":
                authorization = value
        if not isinstance(authorization, str | None):
            raise Close(4403, "Forbidden")
        try:
            principal = await self._executor.authenticate(self._socket, authorization)
        except DomainError:
            raise Close(4403, "Forbidden") from None
        try:
            self._held.enter_context(self._cap.hold(caller(self._socket, principal)))
        except RateLimited as error:
            raise Close(TRY_AGAIN_LATER, error.message) from None
        self._on_acknowledged()
        self._principal = principal
        self._acknowledged = True
        self._pace = Pace(per_second=100, burst=500)
        await self._send({"type": "connection_ack"})
        seconds = principal.seconds_left if principal else None
        now = asyncio.get_running_loop().time()
        self._deadline.reschedule(None if seconds is None else now + seconds)

    async def _subscribe(self, id_: str, payload: object) -> None:
        if not self._acknowledged:
            raise Close(4401, "Unauthorized")
        try:
            request = OperationRequest.parse(payload)
        except ValueError as error:
            raise Close(4400, f"Invalid subscribe payload: {error}") from None
        if id_ in self._operations:
            raise Close(4409, f"Subscriber for {id_} already exists")
        if len(self._operations) >= self._limits.operations:
            busy = GraphQLError(
                "Too many operations run on this connection.",
                extensions={"code": ErrorCode.RATE_LIMITED},
            )
            await self._send({"id": id_, "type": "error", "payload": [busy.formatted]})
            return
        task = asyncio.create_task(self._run(id_, request))
        self._operations[id_] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, id_: str, request: OperationRequest) -> None:
        try:
            await self._operate(id_, request)
        except Close as close:
            self._fail(close)
        except Exception:
            logger.exception("operation failed")
            self._fail(Close(4500, "Internal server error"))
        finally:
            self._answers.discard(id_)

    async def _operate(self, id_: str, request: OperationRequest) -> None:
        self._operation_count += 1
        correlation_id.set(f"{correlation_id.get()}-{self._operation_count}")
        last: dict[str, Any] = {"id": id_, "type": "complete"}
        operation = self._executor.prepare(request)
        if operation.carries_answer:
            self._answers.add(id_)
        results = self._executor.run(operation, self._socket, self._principal)
        async with aclosing(results):
            async for result in results:
                body = result_body(result)
                if is_request_error(result):
                    last = {"id": id_, "type": "error", "payload": body["errors"]}
                else:
                    await self._send({"id": id_, "type": "next", "payload": body})
                    await asyncio.sleep(0)  # neither need wait: others must have their turn
        del self._operations[id_]  # before the last message, after which the id may be used again
        await self._send(last)

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.send_text(encode_json(message))
        except (TimeoutError, WebSocketDisconnect):
            raise Close from None

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                # A control frame holds 125 bytes, two of them for the code.
                short = reason.encode()[:123].decode(errors="ignore")
                await self._socket.close(code, short)
        except (TimeoutError, WebSocketDisconnect):
            pass


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    payload = message.get("payload")
    if not isinstance(payload, dict | None):
        raise Close(4400, "The payload must be an object")
    return payload or {}


def _id(message: dict[str, Any]) -> str:
    id_ = message.get("id")
    if not isinstance(id_, str) or not id_:
        raise Close(4400, "The id must be a string that is not empty")
    return id_
