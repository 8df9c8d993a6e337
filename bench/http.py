"""How many `{ __typename }` requests a second the front door answers, beside an empty route.

    python -m bench.http [--seconds 5] [--connections 8]

The server runs in a process of its own; the client, in this one, speaks HTTP by hand so that it
costs little. The ratio is what the GraphQL layer takes; the absolute numbers are the machine's.
"""

import argparse
import asyncio
import logging
import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import strawberry
import structlog
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.settings import Settings
from server.asgi import build_app, response_memory, uvicorn_config
from server.operations import Executor
from server.validation import CachedDocuments

QUERY = b'{"query": "{ __typename }"}'
GRAPHQL = (
    b"POST /graphql HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    b"Accept: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(QUERY), QUERY)
)
EMPTY = b"GET /empty HTTP/1.1\r\nHost: bench\r\n\r\n"


@strawberry.type
class Query:
    hello: str


async def authenticate(*_: object) -> None:
    return None


async def empty(_: Request) -> Response:
    return Response()


def serve(listener: socket.socket) -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=True,
    )
    settings = Settings(_env_file=None)
    schema = strawberry.Schema(Query, extensions=[CachedDocuments])
    executor = Executor(schema, authenticate, lambda *_: None, memory=response_memory(settings))
    app = build_app(executor, settings, routes=[Route("/empty", empty)])
    uvicorn.Server(uvicorn_config(app, settings)).run([listener])


@contextmanager
def serving() -> Iterator[tuple[str, int]]:
    """The address of a server with an empty route and a GraphQL schema of one field."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = multiprocessing.get_context("fork").Process(target=serve, args=(listener,))
        server.start()
        try:
            yield listener.getsockname()
        finally:
            server.terminate()
            server.join()


async def measure(address: tuple[str, int], request: bytes, args: argparse.Namespace) -> float:
    """Requests a second."""
    end = time.perf_counter() + args.seconds

    async def loop() -> int:
        reader, writer = await asyncio.open_connection(*address)
        count = 0
        while time.perf_counter() < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
            await reader.readexactly(int(length))
            count += 1
        writer.close()
        return count

    counts = await asyncio.gather(*(loop() for _ in range(args.connections)))
    return sum(counts) / float(args.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=8)
    args, _ = parser.parse_known_args()
    with serving() as address:
        rates = {
            name: asyncio.run(measure(address, request, args))
            for name, request in (("empty route", EMPTY), ("{ __typename }", GRAPHQL))
        }
    for name, rate in rates.items():
        print(f"{name:>15}: {rate:8.0f} requests/s, {1e6 / rate:6.0f} µs each")
    print(f"{'ratio':>15}: {rates['{ __typename }'] / rates['empty route']:8.2f}")


if __name__ == "__main__":
    main()
