"""Connections of nobody in particular: none takes memory or a place for longer than it should."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

import server.connections
from core.settings import Settings
from protocol.toy_server import serving
from server.asgi import uvicorn_config
from server.connections import MAX_HEAD_BYTES, Connections
from server.http import MAX_ANONYMOUS_JSON_BYTES, MAX_JSON_BYTES
from server.websocket import MAX_SMALL_MESSAGE_BYTES, Pace

PROTOCOL = Subprotocol("graphql-transport-ws")


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer_to(address: str, *pieces: bytes) -> bytes:
    """The status line that a connection ends with, or nothing."""
    async with opened(address) as (reader, writer):
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            async with asyncio.timeout(20):
                return await reader.readline()
        except ConnectionError:
            return b""


@pytest.fixture
async def address() -> AsyncIterator[str]:
    async with serving(header_seconds=0.3) as address:
        yield address


REQUEST = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


async def test_headers_without_end_are_refused_early(address: str) -> None:
    filler = (b"X-Filler: " + b"x" * 8_000 + b"\r\n") * 4
    read = 0
    async with opened(address) as (reader, writer):
        writer.write(REQUEST)
        try:
            for _ in range(2_000):
                writer.write(filler)
                await asyncio.wait_for(writer.drain(), 20)
                read += len(filler)
            line = await reader.readline()
        except ConnectionError:
            line = b""
    assert line[:12] in (b"HTTP/1.1 431", b"")
    assert read < len(filler) * 2_000, "nobody takes 64 MB of headers"
    assert MAX_HEAD_BYTES <= 64 * 1024


@pytest.mark.parametrize("sent", [b"", b"POST /gra", REQUEST], ids=["nothing", "a line", "headers"])
async def test_heads_that_do_not_end_are_given_up(address: str, sent: bytes) -> None:
    assert (await answer_to(address, sent)).startswith(b"HTTP/1.1 408 ")


async def test_bodies_that_do_not_come_are_given_up(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.connections, "BODY_SECONDS", 0.2)
    begun = REQUEST + b"Content-Length: 1000\r\n\r\n{"
    assert (await answer_to(address, begun)).startswith(b"HTTP/1.1 408 ")


async def test_a_long_body_that_keeps_coming_is_read(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.connections, "BODY_SECONDS", 0.05)
    monkeypatch.setattr(server.connections, "BODY_BYTES", 1)
    body = json.dumps({"query": "{ hello }", "operationName": None}).encode()
    async with opened(address) as (reader, writer):
        writer.write(REQUEST + b"Content-Length: %d\r\n\r\n" % len(body))
        for byte in body:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.005)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")


async def test_a_kept_connection_has_as_long_for_each_of_its_heads(address: str) -> None:
    body = b'{"query": "{ hello }"}'
    whole = REQUEST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with opened(address) as (reader, writer):
        for _ in range(3):
            writer.write(whole)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.write(b"POST ")
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("limits", "proxy"),
    [
        ({"max_connections": 3}, "127.0.0.1"),
        ({"max_address_connections": 3}, "192.0.2.7"),
    ],
    ids=["of everybody", "of an address"],
)
async def test_connections_are_counted(
    monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], proxy: str
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", proxy)
    async with serving(**limits) as address, AsyncExitStack() as stack:
        held = [await stack.enter_async_context(opened(address)) for _ in range(3)]
        assert (await answer_to(address)).startswith(b"HTTP/1.1 503 ")
        held[0][1].close()
        await held[0][1].wait_closed()
        body = b'{"query": "{ hello }"}'
        request = REQUEST + b"Content-Length: %d\r\n\r\n" % len(body) + body
        async with asyncio.timeout(20):
            while b"200" not in await answer_to(address, request):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_websockets_are_counted_until_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.7")
    async with serving(max_address_connections=2) as address:
        for _ in range(5):  # each leaves its place to the next one
            async with connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL]) as socket:
                await socket.send('{"type": "connection_init"}')
                assert json.loads(await socket.recv()) == {"type": "connection_ack"}
                assert (await answer_to(address, b"G")) in (b"HTTP/1.1 408 Request Timeout\r\n",)


async def test_sockets_that_never_initialise_count_for_their_address() -> None:
    async with serving(max_address_connections=2) as address, AsyncExitStack() as stack:
        silent = [
            await stack.enter_async_context(
                connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL])
            )
            for _ in range(3)
        ]
        with pytest.raises(ConnectionClosed) as closed:
            await silent[2].recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013, "after which graphql-ws tries again"
        for socket in silent[:2]:  # acknowledged, they are counted otherwise
            await socket.send('{"type": "connection_init"}')
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        await stack.enter_async_context(connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL]))


@pytest.mark.parametrize("acknowledged", [False, True])
async def test_a_large_ping_is_not_sent_back(address: str, acknowledged: bool) -> None:
    async with connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL]) as socket:
        if acknowledged:
            await socket.send('{"type": "connection_init"}')
            await socket.recv()
        ping = {"type": "ping", "payload": {"a": [[1]] * MAX_SMALL_MESSAGE_BYTES}}
        await socket.send(json.dumps(ping))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


def test_whoever_sends_too_fast_is_read_more_slowly() -> None:
    pace = Pace(per_second=10, burst=5)
    assert [pace.take(1, now=100) for _ in range(5)] == [0] * 5
    assert [pace.take(1, now=100) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])
    assert pace.take(1, now=200) == 0, "patience is rewarded"
    assert pace.take(50, now=200) == pytest.approx(4.6), "a large message counts for its size"


@pytest.mark.parametrize("token", [b"", b"Authorization: Bearer stale\r\n"])
async def test_nobody_in_particular_sends_little_json(address: str, token: bytes) -> None:
    head = REQUEST + token + b"Content-Length: %d\r\n\r\n" % (MAX_ANONYMOUS_JSON_BYTES + 1)
    assert (await answer_to(address, head)).startswith(b"HTTP/1.1 413 ")
    assert MAX_ANONYMOUS_JSON_BYTES < MAX_JSON_BYTES


def test_the_product_is_served_within_these_bounds(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    config = uvicorn_config(Starlette(), settings)
    bounds = config.http.args[0]  # type: ignore[union-attr]
    assert isinstance(bounds, Connections)
    assert (bounds.limit, bounds.limit_of_network) == (2_000, 200)
