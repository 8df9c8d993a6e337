"""GraphQL over HTTP (the GraphQL Foundation's specification), uploads, and graphql-sse."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from math import ceil
from typing import Any

from graphql import OperationType
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.types import ExecutionResult

from core.errors import LOG_IN_FIRST, ErrorCode, RateLimited, Unauthenticated
from core.principal import Principal
from server.drain import Drain
from server.encoding import decode_json, encode_json
from server.errors import PERSISTED_QUERY_NOT_SUPPORTED, RequestRefused
from server.event_stream import MEDIA_TYPE as EVENT_STREAM
from server.event_stream import EventStream
from server.limits import ConnectionCap, caller, limit_body
from server.multipart import read_form, read_parameters, require_preflight
from server.operations import (
    Executor,
    Operation,
    OperationRequest,
    PersistedQueryNotSupported,
)
from server.results import is_request_error, result_body

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
MAX_JSON_BYTES = 1024 * 1024
MAX_ANONYMOUS_JSON_BYTES = 64 * 1024
"""Largest JSON body of an anonymous request, enough to sign in: parsing more costs CPU."""
SLICE_BYTES = 64 * 1024

_ANSWERS = {
    GRAPHQL_RESPONSE: GRAPHQL_RESPONSE,
    JSON: JSON,
    EVENT_STREAM: EVENT_STREAM,
    # Clients that accept anything are older than the new media type and its status codes.
    "application/*": JSON,
    "*/*": JSON,
}


class SlicedResponse(Response):
    """A response that is sent no faster than it is read, so that its end shows it was taken."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        for begin in range(0, len(self.body), SLICE_BYTES):
            piece = self.body[begin : begin + SLICE_BYTES]
            more = begin + SLICE_BYTES < len(self.body)
            await send({"type": "http.response.body", "body": piece, "more_body": more})


class GraphQLOverHTTP:
    """The ASGI application of the GraphQL path for scopes of type `http`."""

    def __init__(
        self,
        executor: Executor,
        cap: ConnectionCap,
        drain: Drain,
        *,
        max_upload_bytes: int,
        graphiql: Callable[[Request], Awaitable[Response]] | None,
    ) -> None:
        self._executor = executor
        self._cap = cap
        self._drain = drain
        self._graphiql = graphiql
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        media_type = JSON
        try:
            if request.method not in ("GET", "POST"):
                raise RequestRefused(405, "Use GET or POST.", headers={"Allow": "GET, POST"})
            if self._graphiql and _wants_graphiql(request):
                await (await self._graphiql(request))(scope, receive, send)
                return
            media_type = negotiate(request.headers.get("accept"))
            await self._answer(request, media_type, send)
        except RequestRefused as refusal:
            await _refuse(refusal, media_type)(scope, receive, send)
        except ClientDisconnect:
            pass

    async def _answer(self, request: Request, media_type: str, send: Send) -> None:
        async with AsyncExitStack() as form:
            principal, refusal = await self._authenticate(request)
            parameters = await self._read(request, principal, refusal, form)
            try:
                operation = self._executor.prepare(OperationRequest.parse(parameters))
            except PersistedQueryNotSupported:
                raise RequestRefused(
                    200, "PersistedQueryNotSupported", PERSISTED_QUERY_NOT_SUPPORTED
                ) from None
            except ValueError as error:
                raise RequestRefused(400, str(error)) from None
            if refusal is not None and not operation.is_public:
                raise refusal
            if operation.type is OperationType.MUTATION and request.method == "GET":
                raise RequestRefused(405, "A mutation needs POST.", headers={"Allow": "POST"})
            if media_type == EVENT_STREAM:
                await self._stream(operation, request, principal, send)
                return
            if operation.type is OperationType.SUBSCRIPTION:
                raise RequestRefused(
                    406, f"A subscription needs a websocket, or Accept: {EVENT_STREAM}."
                )
            async with aclosing(self._executor.run(operation, request, principal)) as results:
                async for result in results:
                    response = _respond(result, media_type)
                    _say_when(response, request, result)
                    del result
                    await response(request.scope, request.receive, send)

    async def _authenticate(
        self, request: Request
    ) -> tuple[Principal | None, RequestRefused | None]:
        """Authenticate; a bad token is refused only later, where the operation needs a user."""
        try:
            authorization = request.headers.get("authorization")
            return await self._executor.authenticate(request, authorization), None
        except Unauthenticated as error:
            return None, _unauthorized(error.message, ' error="invalid_token"')

    async def _read(
        self,
        request: Request,
        principal: Principal | None,
        refusal: RequestRefused | None,
        form: AsyncExitStack,
    ) -> Any:
        """The operation's parameters; `form` closes the uploaded files."""
        if request.method == "GET":
            return _read_url(request)
        content_type, options = parse_options_header(request.headers.get("content-type"))
        if content_type == b"application/json":
            if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
                raise RequestRefused(415, "Send JSON as UTF-8.")
            limit = MAX_JSON_BYTES if principal else MAX_ANONYMOUS_JSON_BYTES
            return _decode("body", await limit_body(request, limit).body())
        if content_type == b"multipart/form-data":
            require_preflight(request)
            if principal is None:
                raise refusal or _unauthorized(LOG_IN_FIRST)
            parts = await read_form(request, self._max_upload_bytes)
            form.push_async_callback(parts.close)
            return read_parameters(parts)
        raise RequestRefused(415, f"Send {JSON}, or multipart/form-data for uploads.")

    async def _stream(
        self, operation: Operation, request: Request, principal: Principal | None, send: Send
    ) -> None:
        try:
            with self._cap.hold(caller(request, principal)):
                results = self._executor.run(operation, request, principal)
                seconds = principal.seconds_left if principal else None
                stream = EventStream(results, seconds, carries_answer=operation.carries_answer)
                with self._drain.hold(stream):
                    await stream(request.scope, request.receive, send)
        except RateLimited as error:
            retry = {"Retry-After": str(ceil(error.retry_after))}
            raise RequestRefused(
                429, error.message, error.code, retry, retryAfter=error.retry_after
            ) from None


def negotiate(accept: str | None) -> str:
    """The media type to answer with; the specification's own unless the client asks otherwise.

    Raises `RequestRefused` (406).
    """
    if not accept:
        return GRAPHQL_RESPONSE
    wishes: list[tuple[float, str]] = []
    for media_range in accept.split(","):
        media_type, options = parse_options_header(media_range.strip())
        try:
            quality = float(options.get(b"q", b"1"))
        except ValueError:
            quality = 0
        if quality > 0 and (answer := _ANSWERS.get(media_type.decode("latin-1"))):
            wishes.append((quality, answer))
    if not wishes:
        raise RequestRefused(406, f"Accept {GRAPHQL_RESPONSE}, {JSON} or {EVENT_STREAM}.")
    return max(wishes, key=lambda wish: wish[0])[1]


def _respond(result: ExecutionResult, media_type: str) -> Response:
    status = 200
    if is_request_error(result) and media_type == GRAPHQL_RESPONSE:
        codes = {(error.extensions or {}).get("code") for error in result.errors or ()}
        status = 500 if ErrorCode.INTERNAL_SERVER_ERROR in codes else 400
    return _encode(result_body(result), status, media_type, SlicedResponse)


def _say_when(response: Response, request: Request, result: ExecutionResult) -> None:
    """`Retry-After` where something was refused until then, in an error or as a result."""
    waits = [(error.extensions or {}).get("retryAfter") for error in result.errors or ()]
    waits.append(getattr(request.state, "retry_after", None))
    if seconds := [wait for wait in waits if wait is not None]:
        response.headers["Retry-After"] = str(ceil(max(seconds)))


def _unauthorized(message: str, detail: str = "") -> RequestRefused:
    challenge = {"WWW-Authenticate": f"Bearer{detail}"}
    return RequestRefused(401, message, ErrorCode.UNAUTHENTICATED, challenge)


def _refuse(refusal: RequestRefused, media_type: str) -> Response:
    """Refuse with a JSON body, whatever media type the client asked for."""
    error = {"message": refusal.message, "extensions": refusal.extensions}
    response = _encode(
        {"errors": [error]}, refusal.status, JSON if media_type == EVENT_STREAM else media_type
    )
    response.headers.update(refusal.headers or {})
    return response


def _encode(
    body: dict[str, Any], status: int, media_type: str, response: type[Response] = Response
) -> Response:
    return response(encode_json(body), status, media_type=f"{media_type}; charset=utf-8")


def _wants_graphiql(request: Request) -> bool:
    return (
        request.method == "GET"
        and "query" not in request.query_params
        and "text/html" in request.headers.get("accept", "")
    )


def _read_url(request: Request) -> dict[str, Any]:
    parameters: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if text := parameters.get(name):
            parameters[name] = _decode(name, text)
    return parameters


def _decode(what: str, text: str | bytes) -> Any:
    try:
        return decode_json(text)
    except ValueError:
        raise RequestRefused(400, f"The {what} must be JSON in UTF-8.") from None
