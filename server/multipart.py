"""GraphQL multipart requests (graphql-multipart-request-spec): operations, map, then files."""

from collections.abc import AsyncGenerator, Iterable
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from core.errors import ErrorCode
from server.encoding import decode_json
from server.errors import RequestRefused

MAX_FILES = 10
MAX_FIELD_BYTES = 1024 * 1024
ENVELOPE_BYTES = 3 * MAX_FIELD_BYTES
"""Bytes that a body may have beside its files: two fields, boundaries and headers."""

PREFLIGHT_HEADERS = ("apollo-require-preflight", "x-apollo-operation-name", "graphql-preflight")
"""Headers of which one is required: pages of other origins cannot send them in a form."""


def require_preflight(request: Request) -> None:
    """Raises `RequestRefused` for a form that a page of another origin may have sent."""
    if not any(request.headers.get(name) for name in PREFLIGHT_HEADERS):
        raise RequestRefused(
            400, f"A multipart request needs one of the headers {', '.join(PREFLIGHT_HEADERS)}."
        )


async def read_form(request: Request, max_upload_bytes: int) -> FormData:
    """Read a form, large files spooled to disk; the caller closes it. Raises `RequestRefused`.

    Of a longer file just enough is read to see that it is too long: refusing it is up to the
    operation that takes it, whose result has a type for that.
    """
    body = _Cut(request, max_upload_bytes + ENVELOPE_BYTES)
    parser = MultiPartParser(
        request.headers,
        body.stream(),
        max_files=MAX_FILES,
        max_fields=2,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        status = 413 if "exceeded" in error.message or "Too many" in error.message else 400
        raise RequestRefused(status, error.message) from None
    if body.was_cut:
        # The one that was cut is missing, or last and larger than allowed, or must not be taken.
        files = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        announced = _decode_object("map", form.get("map", ""))
        if len(files) != 1 or len(announced) != 1 or (files[0].size or 0) <= max_upload_bytes:
            await form.close()
            raise RequestRefused(
                413,
                f"The files of a request have at most {max_upload_bytes} bytes together.",
                ErrorCode.FILE_TOO_LARGE,
                limit=max_upload_bytes,
            )
    return form


class _Cut:
    """A body that is cut after so many bytes."""

    def __init__(self, request: Request, max_bytes: int) -> None:
        self.was_cut = False
        self._request = request
        self._bytes_left = max_bytes

    async def stream(self) -> AsyncGenerator[bytes, None]:
        _, options = parse_options_header(self._request.headers.get("content-type"))
        async for chunk in self._request.stream():
            self.was_cut = len(chunk) > self._bytes_left
            if self.was_cut:
                yield chunk[: self._bytes_left]
                yield b"\r\n--%s--\r\n" % options.get(b"boundary", b"")
                return
            self._bytes_left -= len(chunk)
            yield chunk


def read_parameters(form: FormData) -> dict[str, Any]:
    """`operations` with the files where `map` puts them. Raises `RequestRefused`.

    A file that `map` does not name is ignored; one that it names twice stands in both places.
    """
    parts = form.multi_items()
    names = [name for name, _ in parts]
    for name in ("operations", "map"):
        if name not in names:
            raise RequestRefused(400, f"The multipart field `{name}` is missing.")
    if names[:2] != ["operations", "map"]:
        raise RequestRefused(400, "Misordered multipart fields: operations, map, then files.")
    operations, files = (_decode_object(name, value) for name, value in parts[:2])
    for name, paths in files.items():
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise RequestRefused(400, f"`map.{name}` must be a list of strings.")
        file = form.get(name)
        if not isinstance(file, UploadFile):
            raise RequestRefused(400, f"The file `{name}` is missing.")
        _place(operations, paths, file)
    return operations


def _decode_object(name: str, value: str | UploadFile) -> dict[str, Any]:
    try:
        if isinstance(value, str) and isinstance(decoded := decode_json(value), dict):
            return decoded
    except ValueError:
        pass
    raise RequestRefused(400, f"The multipart field `{name}` must be a JSON object.")


def _place(operations: dict[str, Any], paths: Iterable[str], file: UploadFile) -> None:
    for path in paths:
        *parents, last = path.split(".")
        try:
            target: Any = operations
            for key in parents:
                target = target[_index(target, key)]
            last = _index(target, last)
            if parents[:1] != ["variables"] or target[last] is not None:
                raise LookupError
            target[last] = file
        except (LookupError, TypeError, ValueError):
            raise RequestRefused(400, f"`{path}` in `map` is not a null variable.") from None


def _index(container: Any, key: str) -> Any:
    return int(key) if isinstance(container, list) else key
