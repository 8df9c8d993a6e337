"""Correlation ids, which log lines, errors and the response of a request carry."""

import re

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import ErrorCode
from core.telemetry import HTTP_RESPONSES, correlation_id, new_correlation_id
from server.errors import UNEXPECTED

HEADER = "X-Request-ID"

logger = structlog.get_logger()

_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Correlation:
    """Outermost ASGI middleware: gives ids, counts responses, answers uncaught errors."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        wished = Headers(scope=scope).get(HEADER, "")
        id_ = wished if _SANE.fullmatch(wished) else new_correlation_id()
        correlation_id.set(id_)
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message)[HEADER] = id_
                HTTP_RESPONSES.labels(message["status"]).inc()
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            if started or scope["type"] != "http":
                raise
            logger.exception("request failed", path=scope["path"].split("/")[1])
            extensions = {"code": ErrorCode.INTERNAL_SERVER_ERROR, "correlationId": id_}
            body = {"errors": [{"message": UNEXPECTED, "extensions": extensions}]}
            await JSONResponse(body, 500)(scope, receive, send_with_id)
