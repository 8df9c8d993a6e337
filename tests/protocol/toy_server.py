"""The toy schema behind the real front door, on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from protocol.toy_schema import toy_app, toy_settings
from server.asgi import uvicorn_config


@asynccontextmanager
async def serving(**changes: object) -> AsyncIterator[str]:
    """A server with changed settings on a free port; its address, as `host:port`."""
    settings = toy_settings(**changes)
    server = uvicorn.Server(uvicorn_config(toy_app(settings), settings))
    listener = socket.create_server(("127.0.0.1", 0))  # connections wait for the server to start
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
