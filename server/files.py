"""Original files, by addresses that `Document.downloadUrl` hands out."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from core.errors import DomainError
from services.container import Services


def file_routes() -> list[Route]:
    return [Route("/files/{token}", download, methods=["GET"])]


async def download(request: Request) -> Response:
    """Always as an attachment and never sniffed: it is somebody's upload, not our page."""
    services: Services = request.state.services
    try:
        owner_id, version_id = services.downloads.open(request.path_params["token"])
        file = await services.documents.file(owner_id, version_id)
    except DomainError as error:
        return JSONResponse({"code": error.code, "message": error.message}, status_code=404)
    return StreamingResponse(
        file.content,
        media_type=file.media_type,
        headers={
            "Content-Length": str(file.byte_size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename)}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-store",
        },
    )
