"""Liveness, readiness and metrics, for orchestrators, load balancers and Prometheus."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response


async def healthz(_: Request) -> Response:
    """Liveness: the process answers."""
    return PlainTextResponse("ok")


async def readyz(request: Request) -> Response:
    """Readiness: 503 while draining and without the database; Redis is not needed to be ready."""
    if request.app.state.drain.begun:
        return JSONResponse({"process": "draining"}, 503)
    parts: dict[str, str | None] = await request.state.services.ready()
    failing = parts["database"] is not None
    return JSONResponse(
        {name: error or "ok" for name, error in parts.items()}, 503 if failing else 200
    )


async def metrics(_: Request) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
