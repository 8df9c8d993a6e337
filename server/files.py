"""Upload and download of files by the addresses that the API hands out."""

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from core.errors import DomainError, ErrorCode
from services.container import Services

_STATUS = {
    ErrorCode.UNAUTHENTICATED: 404,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.UPLOAD_MISMATCH: 422,
}
_SHOWN = re.compile(r"application/pdf|image/(png|jpeg|gif|webp|avif|bmp)|text/(plain|markdown|csv)")
"""Media types that browsers show without running anything of theirs."""
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def file_routes() -> list[Route]:
    return [
        Route("/files/{token}", download, methods=["GET"]),
        Route("/uploads/{token}", upload, methods=["PUT"]),
    ]


async def download(request: Request) -> Response:
    """Send a file, never sniffed and always in a sandbox: users made it, not we."""
    services: Services = request.state.services
    try:
        owner_id, version_id = services.downloads.open(request.path_params["token"])
        file = await services.documents.file(owner_id, version_id)
    except DomainError as error:
        return _failure(error)
    inline = request.query_params.get("disposition") == "inline" and _SHOWN.fullmatch(
        file.media_type
    )
    media_type = file.media_type
    if inline and media_type.startswith("text/"):
        media_type = "text/plain"
    headers = {
        "ETag": f'"{version_id.hex}"',  # a version never changes
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"{'inline' if inline else 'attachment'}; "
        f"filename*=UTF-8''{quote(file.filename)}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=900" if inline else "private, no-store",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    span = None
    if request.headers.get("if-range", headers["ETag"]) == headers["ETag"]:
        span = _span(request.headers.get("range"), file.byte_size)
    if span is None:
        content, status, length = file.read(), 200, file.byte_size
    elif span[0] >= span[1]:
        headers["Content-Range"] = f"bytes */{file.byte_size}"
        return Response(status_code=416, headers=headers)
    else:
        content, status, length = file.read(*span), 206, span[1] - span[0]
        headers["Content-Range"] = f"bytes {span[0]}-{span[1] - 1}/{file.byte_size}"
    try:
        first = await anext(content, b"")  # a status can tell of a failure, a body cannot
    except DomainError as error:
        return _failure(error)
    return StreamingResponse(
        _rest(first, content),
        status,
        media_type=media_type,
        headers=headers | {"Content-Length": str(length)},
    )


async def upload(request: Request) -> Response:
    """Take an announced file as the body; a transfer that broke off starts again."""
    services: Services = request.state.services
    length = request.headers.get("content-length")
    size = int(length) if length else None
    try:
        await services.uploads.receive(request.path_params["token"], size, request.stream())
    except DomainError as error:
        return _failure(error)
    except ClientDisconnect:
        pass  # nobody reads the answer
    return Response(status_code=204)


async def _rest(first: bytes, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in content:
        yield chunk


def _span(range_: str | None, size: int) -> tuple[int, int] | None:
    """The first byte to send and the one after the last; None for all, also for several ranges.

    RFC 9110, section 14. What cannot be satisfied is empty.
    """
    match = _RANGE.fullmatch(range_ or "")
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        return max(size - int(match[2]), 0), size
    start, end = int(match[1]), int(match[2]) + 1 if match[2] else size
    if start >= end:  # malformed, so ignored, unless it begins past the end
        return (size, size) if start >= size else None
    return start, min(end, size)


def _failure(error: DomainError) -> Response:
    status = _STATUS.get(error.code, 503)
    return JSONResponse({"code": error.code, "message": error.message}, status)
