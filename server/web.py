"""The web app and GraphiQL: files built from `web/` into the folder beside this module."""

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

FOLDER = Path(__file__).parent / "web"
SCREENS = ("/", "/library", "/documents/{id}", "/chats", "/chats/{id}", "/search", "/settings")
"""Addresses within the app, which finds its way by itself."""

_POLICY = (
    "default-src 'self'; script-src 'self'{scripts}; style-src 'self'{styles}; "
    "img-src 'self' blob: data:; font-src 'self' data:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
APP_POLICY = _POLICY.format(scripts=" 'wasm-unsafe-eval'", styles="")
"""pdf.js decodes JPEG 2000 and JBIG2 in WebAssembly."""
GRAPHIQL_POLICY = _POLICY.format(scripts="", styles=" 'unsafe-inline'")
"""GraphiQL's editor writes style elements."""

_MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def web_routes(sdl: str | None) -> list[BaseRoute]:
    """The app's screens and files; with the schema in its own language, `/schema.graphql` too."""
    app = page("index.html", APP_POLICY)
    routes: list[BaseRoute] = [
        *(Route(path, app) for path in SCREENS),
        Route("/assets/{path:path}", asset),
        Route("/favicon.svg", asset),
    ]
    if sdl is not None:
        routes.append(Route("/schema.graphql", PlainTextResponse(sdl)))
    return routes


def page(name: str, policy: str) -> Callable[[Request], Awaitable[Response]]:
    """Answers with a document that names files for ever, and is itself asked for each time."""

    async def respond(request: Request) -> Response:
        body, packed = await asyncio.to_thread(_read, name)
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {**_PAGE_HEADERS, "Content-Security-Policy": policy, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return _send(request, name, body, packed, headers)

    return respond


async def asset(request: Request) -> Response:
    """A file whose name changes with its content."""
    name = request.url.path.removeprefix("/")
    if name not in _names():
        return PlainTextResponse("There is no such file.", 404)
    return _send(request, name, *await asyncio.to_thread(_read, name), _FOR_EVER)


def _send(
    request: Request, name: str, body: bytes, packed: bytes, headers: dict[str, str]
) -> Response:
    media_type = _MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
    headers = {**headers, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if "gzip" in request.headers.get("accept-encoding", "") and len(packed) < len(body):
        return Response(
            packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=media_type
        )
    return Response(body, headers=headers, media_type=media_type)


@cache
def _names() -> frozenset[str]:
    return frozenset(
        path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()
    )


@cache
def _read(name: str) -> tuple[bytes, bytes]:
    """A file as it is and compressed, once in the life of the process."""
    body = (FOLDER / name).read_bytes()
    return body, gzip.compress(body, mtime=0)
