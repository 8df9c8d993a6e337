"""graphql-transport-ws over a real socket, message by message."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from protocol.toy_schema import ALICE, SECRET, Ticks, toy_app, toy_settings
from protocol.toy_server import serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROTOCOL = Subprotocol("graphql-transport-ws")


class Peer:
    """A client that speaks in JSON and checks nothing."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, message: object) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self) -> Any:
        return json.loads(await self.socket.recv())

    async def initialise(self, **payload: object) -> None:
        await self.send({"type": "connection_init", "payload": payload})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, query: str, id_: str = "1", **parameters: object) -> None:
        payload = {"query": query, **parameters}
        await self.send({"id": id_, "type": "subscribe", "payload": payload})

    async def result(self, query: str, id_: str = "1", **parameters: object) -> Any:
        """Of an operation with one result."""
        await self.subscribe(query, id_, **parameters)
        message = await self.receive()
        assert (message["id"], message["type"]) == (id_, "next")
        assert await self.receive() == {"id": id_, "type": "complete"}
        return message["payload"]

    async def closed(self) -> tuple[int, str]:
        """The close frame, after whatever messages come before it."""
        with suppress(ConnectionClosed):
            async with asyncio.timeout(10):
                while True:
                    await self.socket.recv()
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""


@asynccontextmanager
async def connected(
    address: str,
    subprotocols: list[Subprotocol] | None = None,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[Peer]:
    async with connect(
        f"ws://{address}/graphql",
        subprotocols=[PROTOCOL] if subprotocols is None else subprotocols,
        additional_headers=headers,
        max_size=None,
    ) as socket:
        yield Peer(socket)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


# The handshake


async def test_the_subprotocol_is_agreed_without_compression(address: str) -> None:
    async with connected(address) as peer:
        assert peer.socket.subprotocol == PROTOCOL
        assert "sec-websocket-extensions" not in peer.socket.response.headers  # type: ignore[union-attr]


@pytest.mark.parametrize("subprotocols", [[], ["graphql-ws"], ["graphql-transport-ws2"]])
async def test_another_subprotocol_is_closed_with_4406(
    address: str, subprotocols: list[Subprotocol]
) -> None:
    async with connect(f"ws://{address}/graphql", subprotocols=subprotocols or None) as socket:
        assert await Peer(socket).closed() == (4406, "Subprotocol not acceptable")


# Initialisation


@pytest.mark.parametrize(
    "message",
    [
        {"type": "connection_init"},
        {"type": "connection_init", "payload": None},
        {"type": "connection_init", "payload": {}},
        {"type": "connection_init", "payload": {"anything": [1, None]}},
    ],
)
async def test_anybody_may_connect(address: str, message: dict[str, object]) -> None:
    async with connected(address) as peer:
        await peer.send(message)

        assert await peer.receive() == {"type": "connection_ack"}
        assert await peer.result("{ user }") == {"data": {"user": None}}


@pytest.mark.parametrize("name", ["authorization", "Authorization"])
async def test_the_token_comes_in_the_payload(address: str, name: str) -> None:
    async with connected(address) as peer:
        await peer.initialise(**{name: "Bearer alice"})

        assert await peer.result("{ user }") == {"data": {"user": str(ALICE)}}


async def test_or_in_the_header_of_the_handshake(address: str) -> None:
    async with connected(address, headers={"Authorization": "Bearer alice"}) as peer:
        await peer.initialise()

        assert await peer.result("{ user }") == {"data": {"user": str(ALICE)}}


@pytest.mark.parametrize("value", ["Bearer mallory", "", 1, {"Bearer": "alice"}])
async def test_a_bad_token_is_closed_with_4403(address: str, value: object) -> None:
    async with connected(address) as peer:
        await peer.send({"type": "connection_init", "payload": {"authorization": value}})

        assert await peer.closed() == (4403, "Forbidden")


async def test_the_end_of_a_token_ends_the_connection_with_4403(address: str) -> None:
    async with connected(address) as peer:
        await peer.initialise(authorization="Bearer brief")
        await peer.subscribe("subscription { ticks }")

        assert await peer.closed() == (4403, "Forbidden")
    await eventually(lambda: Ticks.open == 0)


async def test_a_second_initialisation_is_closed_with_4429(address: str) -> None:
    async with connected(address) as peer:
        await peer.send({"type": "connection_init"})
        await peer.send({"type": "connection_init"})

        assert await peer.closed() == (4429, "Too many initialisation requests")


async def test_silence_is_closed_with_4408() -> None:
    async with serving(connection_init_seconds=0.1) as address, connected(address) as peer:
        assert await peer.closed() == (4408, "Connection initialisation timeout")


async def test_pings_do_not_put_off_the_initialisation() -> None:
    async with serving(connection_init_seconds=0.1) as address, connected(address) as peer:
        await peer.send({"type": "ping"})

        assert await peer.closed() == (4408, "Connection initialisation timeout")


# Messages


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[" * 10_000,
        "[]",
        "1",
        "null",
        '"x"',
        "{}",
        '{"type": null}',
        '{"type": ["ping"]}',
        '{"type": {"ping": 1}}',
        '{"type": "unknown"}',
        '{"type": "start", "id": "1", "payload": {"query": "{ hello }"}}',
        '{"type": "connection_ack"}',
        '{"type": "connection_init", "payload": "x"}',
        '{"type": "connection_init", "payload": []}',
        '{"type": "ping", "payload": "x"}',
        '{"type": "pong", "payload": [1]}',
        '{"type": "complete"}',
        '{"type": "complete", "id": 1}',
        '{"type": "subscribe", "payload": {"query": "{ hello }"}}',
    ],
)
async def test_an_invalid_message_is_closed_with_4400(address: str, text: str) -> None:
    async with connected(address) as peer:
        await peer.socket.send(text)

        code, reason = await peer.closed()
        assert code == 4400
        assert reason


@pytest.mark.parametrize(
    "message",
    [
        {"id": "1"},
        {"id": "1", "payload": None},
        {"id": "1", "payload": "x"},
        {"id": "1", "payload": ["{ hello }"]},
        {"id": "1", "payload": {}},
        {"id": "1", "payload": {"query": None}},
        {"id": "1", "payload": {"query": 1}},
        {"id": "1", "payload": {"query": "{ hello }", "variables": "x"}},
        {"id": "1", "payload": {"query": "{ hello }", "variables": []}},
        {"id": "1", "payload": {"query": "{ hello }", "operationName": 1}},
        {"id": "1", "payload": {"query": "{ hello }", "extensions": "x"}},
        {"payload": {"query": "{ hello }"}},
        {"id": None, "payload": {"query": "{ hello }"}},
        {"id": 1, "payload": {"query": "{ hello }"}},
        {"id": "", "payload": {"query": "{ hello }"}},
        {"id": ["1"], "payload": {"query": "{ hello }"}},
        {"id": {"1": 1}, "payload": {"query": "{ hello }"}},
    ],
)
async def test_an_invalid_subscribe_is_closed_with_4400(
    address: str, message: dict[str, object]
) -> None:
    async with connected(address) as peer:
        await peer.initialise()
        await peer.send({"type": "subscribe", **message})

        assert (await peer.closed())[0] == 4400


async def test_binary_is_closed_with_4400(address: str) -> None:
    async with connected(address) as peer:
        await peer.socket.send(b'{"type": "ping"}')

        assert (await peer.closed())[0] == 4400


async def test_a_message_above_the_limit_is_closed_with_1009(address: str) -> None:
    async with connected(address) as peer:
        await peer.send({"type": "ping", "payload": {"filler": "x" * 1024 * 1024}})

        assert (await peer.closed())[0] == 1009


@pytest.mark.parametrize("payload", [{}, {"echo": ["me", None]}])
async def test_a_ping_is_answered_with_its_payload(
    address: str, payload: dict[str, object]
) -> None:
    async with connected(address) as peer:
        await peer.send({"type": "ping", "payload": payload})
        await peer.send({"type": "ping"})

        assert await peer.receive() == {"type": "pong", "payload": payload}
        assert await peer.receive() == {"type": "pong"}


async def test_a_pong_needs_no_answer(address: str) -> None:
    async with connected(address) as peer:
        await peer.send({"type": "pong"})
        await peer.send({"type": "pong", "payload": {}})
        await peer.initialise()


# Operations


async def test_subscribing_before_the_acknowledgement_is_closed_with_4401(address: str) -> None:
    async with connected(address) as peer:
        await peer.subscribe("{ hello }")

        assert await peer.closed() == (4401, "Unauthorized")


async def test_queries_and_mutations_have_one_result(address: str) -> None:
    async with connected(address) as peer:
        await peer.initialise()

        query = "query A { hello } query B($t: String!) { echo(text: $t) }"
        payload = await peer.result(query, operationName="B", variables={"t": "лев 🦁"})
        assert payload == {"data": {"echo": "лев 🦁"}}
        assert await peer.result("mutation { change }") == {"data": {"change": True}}


async def test_a_subscription_has_many_results_and_completes(address: str) -> None:
    async with connected(address) as peer:
        await peer.initialise()
        await peer.subscribe("subscription { count(to: 3) }")

        results = [await peer.receive() for _ in range(4)]

    assert [result.get("payload") for result in results] == [
        {"data": {"count": 0}},
        {"data": {"count": 1}},
        {"data": {"count": 2}},
        None,
    ]
    assert results[-1] == {"id": "1", "type": "complete"}


async def test_operations_run_beside_each_other(address: str) -> None:
    async with connected(address) as peer:
        await peer.initialise()
        await peer.subscribe("subscription { ticks }", "endless")
        assert (await peer.receive())["id"] == "endless"

        assert await peer.result("{ hello }", "other") == {"data": {"hello": "hello"}}


async def test_a_running_id_is_closed_with_4409(address: str) -> None:
    async with connected(address) as peer:
        await peer.initialise()
        await peer.subscribe("subscription { ticks }", "same")
        await peer.subscribe("{ hello }", "same")

        assert await peer.closed() == (4409, "Subscriber for same already exists")


async def test_a_close_reason_fits_its_frame(address: str) -> None:
    long = "ё" * 200
    async with connected(address) as peer:
        await peer.initialise()
        await peer.subscribe("subscription { ticks }", long)
        await peer.subscribe("{ hello }", long)

        code, reason = await peer.closed()
        assert code == 4409
        assert reason.startswith("Subscriber for ё")


async def test_an_id_may_be_used_again_after_its_end(address: str) -> None:
    async with connected(address) as peer:
        await peer.initialise()
        await peer.subscribe("subscription { ticks }", "same")
        await peer.receive()
        await peer.send({"id": "same", "type": "complete"})

        assert await peer.result("{ hello }", "same") == {"data": {"hello": "hello"}}
        assert await peer.result("{ hello }", "same") == {"data": {"hello": "hello"}}


async def test_completing_runs_the_clean_up(address: str) -> None:
    async with connected(address) as peer:
        await peer.initialise()
        await peer.subscribe("subscription { ticks }")
        await peer.receive()
        assert Ticks.open == 1

        await peer.send({"id": "1", "type": "complete"})
        await eventually(lambda: Ticks.open == 0)
        assert await peer.result("{ hello }", "2") == {"data": {"hello": "hello"}}


async def test_leaving_does_not_cut_the_clean_up_of_a_completed_operation_short(
    address: str,
) -> None:
    async with connected(address) as peer:
        await peer.initialise()
        await peer.subscribe("subscription { ticks }")
        await peer.receive()
        await peer.send({"id": "1", "type": "complete"})
        await eventually(lambda: Ticks.cleaning > 0)

    await eventually(lambda: _server_tasks() == 0)
    assert Ticks.open == 0


async def test_completing_what_is_unknown_is_ignored(address: str) -> None:
    async with connected(address) as peer:
        await peer.initialise()
        await peer.send({"id": "unknown", "type": "complete"})

        assert await peer.result("{ hello }") == {"data": {"hello": "hello"}}


async def test_every_operation_has_a_context_of_its_own(address: str) -> None:
    async with connected(address, headers={"X-Request-ID": "socket"}) as peer:
        await peer.initialise()

        for operation in ("1", "2"):
            payload = await peer.result('{ load(key: "a") requestId }', operation)
            assert payload == {"data": {"load": ["a"], "requestId": f"socket-{operation}"}}


# Errors


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ nosuchfield }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { hello } query B { hello }", "OPERATION_RESOLUTION_FAILURE"),
        ("query ($n: Int!) { double(number: $n) }", "BAD_USER_INPUT"),
        ("subscription ($n: Int!) { count(to: $n) }", "BAD_USER_INPUT"),
        ("subscription { missing }", "NOT_FOUND"),
        ("{ " + "thing { self_ " * 20 + "}" * 20 + "}", "QUERY_TOO_EXPENSIVE"),
        ("{ a: hello " + " ".join(f"b{n}: hello" for n in range(20)) + "}", "QUERY_TOO_EXPENSIVE"),
    ],
)
async def test_a_request_error_ends_the_operation_and_not_the_connection(
    address: str, query: str, code: str
) -> None:
    async with connected(address) as peer:
        await peer.initialise()
        await peer.subscribe(query)

        message = await peer.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"][0]["extensions"]["code"] == code
        assert await peer.result("{ hello }") == {"data": {"hello": "hello"}}


async def test_a_field_error_comes_beside_the_data(address: str) -> None:
    async with connected(address) as peer:
        await peer.initialise()

        payload = await peer.result("{ hello missing }")

    assert payload["data"] == {"hello": "hello", "missing": None}
    assert payload["errors"][0]["extensions"] == {"code": "NOT_FOUND"}


async def test_a_subscription_that_breaks_ends_with_a_masked_error(address: str) -> None:
    async with connected(address, headers={"X-Request-ID": "socket"}) as peer:
        await peer.initialise()
        with capture_logs() as logs:
            await peer.subscribe("subscription { breaks }")
            assert (await peer.receive())["payload"] == {"data": {"breaks": 0}}

            message = await peer.receive()

    assert message["type"] == "error"
    assert SECRET not in json.dumps(message)
    assert message["payload"][0]["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "correlationId": "socket-1",
    }
    assert any(str(line.get("exc_info")) == SECRET for line in logs)


async def test_a_fault_of_the_server_itself_is_closed_with_4500(address: str) -> None:
    async with connected(address) as peer:
        await peer.initialise()
        await peer.subscribe("subscription { ticks }", "bystander")
        await peer.receive()
        with capture_logs() as logs:
            await peer.subscribe("{ unencodable }")

            assert await peer.closed() == (4500, "Internal server error")

    assert "operation failed" in [line["event"] for line in logs]
    await eventually(lambda: Ticks.open == 0)


# Limits


async def test_operations_of_a_connection_are_capped() -> None:
    async with serving(max_connection_operations=2) as address, connected(address) as peer:
        await peer.initialise()
        for id_ in ("1", "2"):
            await peer.subscribe("subscription { ticks }", id_)
            await peer.receive()

        await peer.subscribe("{ hello }", "3")
        message = await peer.receive()
        assert (message["id"], message["type"]) == ("3", "error")
        assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"

        await peer.send({"id": "1", "type": "complete"})
        assert await peer.result("{ hello }", "3") == {"data": {"hello": "hello"}}


async def test_connections_of_a_user_are_capped() -> None:
    async with serving(max_user_connections=1) as address, connected(address) as first:
        await first.initialise(authorization="Bearer alice")

        async with connected(address) as second:
            await second.send(
                {"type": "connection_init", "payload": {"authorization": "Bearer alice"}}
            )
            assert await second.closed() == (1013, "Too many open connections.")
        async with connected(address) as other:
            await other.initialise(authorization="Bearer bob")
        async with connected(address) as anonymous:
            await anonymous.initialise()

        await first.socket.close()
        async with connected(address) as again:
            await again.initialise(authorization="Bearer alice")


# Endings


async def test_a_stopping_server_says_1012_and_does_not_wait() -> None:
    async with serving() as address:
        peers = connected(address)
        peer = await peers.__aenter__()
        await peer.initialise()
        await peer.subscribe("subscription { ticks }")
        await peer.receive()

    assert await peer.closed() == (1012, "")
    assert Ticks.open == 0
    await peers.__aexit__(None, None, None)


async def test_abrupt_ends_leave_nothing_behind() -> None:
    # A server notices the end of a socket a little later: none of the 200 is one too many.
    async with serving(max_user_connections=200) as address:
        async with connected(address) as peer:  # what lives as long as the server has started
            await peer.initialise()
        await eventually(lambda: _server_tasks() == 0)

        for _ in range(200):
            async with connected(address) as peer:
                await peer.initialise(authorization="Bearer bob")
                await peer.subscribe("subscription { ticks }", "1")
                await peer.subscribe("subscription { flood }", "2")
                await peer.subscribe("subscription { ticks }", "3")
                await peer.receive()
                assert _server_tasks() > 0
                peer.socket.transport.abort()

        await eventually(lambda: Ticks.open == 0)
        await eventually(lambda: _server_tasks() == 0)


async def test_a_peer_that_stops_reading_is_given_up(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.websocket.SEND_SECONDS", 0.1)
    async with connected(address) as peer:
        await peer.initialise()
        await peer.subscribe("subscription { flood }")
        await eventually(lambda: _server_tasks() > 0)

        await eventually(lambda: _server_tasks() == 0)
        peer.socket.transport.abort()


async def test_a_flood_leaves_the_others_their_turn() -> None:
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})
    subscribe = {"id": "1", "type": "subscribe", "payload": {"query": "subscription { flood }"}}
    for message in ({"type": "connection_init"}, subscribe):
        incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})
    sent = 0

    async def send(_: object) -> None:  # as a socket that never makes its writer wait
        nonlocal sent
        sent += 1
        if sent == 10:
            incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
        assert sent < 100

    scope = {
        "type": "websocket",
        "path": "/graphql",
        "headers": [],
        "subprotocols": [PROTOCOL],
        "state": {},
    }
    await toy_app(toy_settings())(scope, incoming.get, send)

    assert 10 <= sent < 100


def _server_tasks() -> int:
    names = [str(task.get_coro()) for task in asyncio.all_tasks()]
    return sum("run_asgi" in name or "_Connection._run" in name for name in names)
