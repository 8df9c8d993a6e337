"""Liveness and readiness, for orchestrators and load balancers."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response


async def healthz(_: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok")


async def readyz(request: Request) -> Response:
    """503 unless every part that requests need works; says which do not."""
    parts: dict[str, str | None] = await request.state.services.ready()
    failing = any(error is not None for error in parts.values())
    return JSONResponse(
        {name: error or "ok" for name, error in parts.items()}, 503 if failing else 200
    )
