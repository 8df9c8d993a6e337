"""The ASGI application around one executor: routes, middleware, and how uvicorn serves it."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Lifespan
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from core.response_memory import ResponseMemory
from core.settings import Settings
from server.connections import BoundedHTTP, Connections, CountedWebSocket
from server.correlation import HEADER, Correlation
from server.drain import Drain
from server.health import healthz, metrics, readyz
from server.http import GraphQLOverHTTP
from server.limits import ConnectionCap
from server.multipart import PREFLIGHT_HEADERS
from server.operations import Executor
from server.web import GRAPHIQL_POLICY, page
from server.websocket import ConnectionLimits, GraphQLOverWebSocket

PATH = "/graphql"
MAX_MESSAGE_BYTES = 1024 * 1024
CLOSE_SECONDS = 5
"""How long requests that still run may take once the process has drained."""
ANY_PORT = ":*"
"""Ends an origin in `Settings.cors_origins`."""


def build_app(
    executor: Executor,
    settings: Settings,
    *,
    lifespan: Lifespan[Starlette] | None = None,
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """Build the application; its lifespan has to yield `{"services": ...}`.

    Whoever serves the application runs `app.state.drain` before the end.
    """
    drain = Drain(settings.drain_seconds, settings.shutdown_seconds)
    cap = ConnectionCap(settings.max_user_connections)
    over_http = GraphQLOverHTTP(
        executor,
        cap,
        drain,
        max_upload_bytes=settings.max_upload_bytes,
        graphiql=page("graphiql.html", GRAPHIQL_POLICY) if settings.introspection else None,
    )
    over_websocket = GraphQLOverWebSocket(
        executor,
        cap,
        drain,
        ConnectionLimits(
            settings.connection_init_seconds,
            settings.max_connection_operations,
            settings.max_address_connections,
        ),
    )
    app = Starlette(
        routes=[
            Route(PATH, over_http),
            WebSocketRoute(PATH, over_websocket),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            *routes,
        ],
        middleware=_middleware(settings),
        lifespan=lifespan,
    )
    app.state.drain = drain
    return app


def response_memory(settings: Settings) -> ResponseMemory:
    return ResponseMemory(
        settings.max_response_bytes, settings.max_user_unread_bytes, settings.max_unread_bytes
    )


def uvicorn_config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """Configure uvicorn without its logging: `core.telemetry` logs a line per operation."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=CLOSE_SECONDS,
        log_config=None,
        access_log=False,
        server_header=False,
    )
    proxies = ProxyHeadersMiddleware(cast(Any, app), config.forwarded_allow_ips).trusted_hosts
    bounds = Connections(
        settings.max_connections,
        settings.max_address_connections,
        settings.header_seconds,
        proxies.__contains__,
    )
    # uvicorn takes classes alone, and calls them.
    config.http = partial(BoundedHTTP, bounds)  # type: ignore[assignment]
    config.ws = partial(CountedWebSocket, bounds)  # type: ignore[assignment]
    return config


def _middleware(settings: Settings) -> list[Middleware]:
    correlation = Middleware(Correlation)
    if not settings.cors_origins:
        return [correlation]
    headers = ["Authorization", "Content-Type", HEADER, *PREFLIGHT_HEADERS, *settings.cors_headers]
    any_port = [o.removesuffix(ANY_PORT) for o in settings.cors_origins if o.endswith(ANY_PORT)]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=[o for o in settings.cors_origins if not o.endswith(ANY_PORT)],
        allow_origin_regex="|".join(rf"{re.escape(o)}(:\d+)?" for o in any_port) or None,
        allow_methods=["GET", "POST", "PUT"],
        allow_headers=headers,
        expose_headers=[HEADER, "Retry-After", "WWW-Authenticate"],
    )
    return [cors, correlation]  # pages of other origins may read what became of a failure, too
