"""Original files, by addresses that `Document.downloadUrl` and `prepareUpload` hand out."""

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


def file_routes() -> list[Route]:
    return [
        Route("/files/{token}", download, methods=["GET"]),
        Route("/uploads/{token}", upload, methods=["PUT"]),
    ]


async def download(request: Request) -> Response:
    """Always as an attachment and never sniffed: it is somebody's upload, not our page."""
    services: Services = request.state.services
    try:
        owner_id, version_id = services.downloads.open(request.path_params["token"])
        file = await services.documents.file(owner_id, version_id)
        first = await anext(file.content, b"")  # a status can tell of a failure, a body cannot
    except DomainError as error:
        return _failure(error)

    async def content() -> AsyncIterator[bytes]:
        yield first
        async for chunk in file.content:
            yield chunk

    return StreamingResponse(
        content(),
        media_type=file.media_type,
        headers={
            "Content-Length": str(file.byte_size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename)}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-store",
        },
    )


async def upload(request: Request) -> Response:
    """The body is the file, as it was announced; a broken one is sent again from the start."""
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


def _failure(error: DomainError) -> Response:
    status = _STATUS.get(error.code, 503)
    return JSONResponse({"code": error.code, "message": error.message}, status)
