"""The real LlamaParse client against a server that speaks its HTTP API."""

import importlib.util
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.errors import ErrorCode, ParseFailure, ProviderUnavailable
from core.settings import Settings
from providers.parsing import PageWindow, Parser
from providers.parsing.factory import open_parser
from providers.parsing.fallback import FallbackParser
from providers.parsing.formats import HTML, PDF
from providers.parsing.llamaparse import LlamaParseParser, RetryPolicy
from providers.parsing.sandbox import SandboxedParser
from support.loopback import serve

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("llama_parse") is None, reason="needs the extra llamaparse"
)

SAMPLES = Path(__file__).parents[1] / "samples"
HANDBOOK = SAMPLES / "tide-engine-handbook.pdf"
RESULT = {
    "pages": [
        {
            "page": 1,
            "md": "# Title\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\nText.\0",
            "width": 612.0,
            "height": 792.0,
        },
        {"page": 3, "md": None, "text": "The end."},
    ],
    "job_metadata": {"job_pages": 3},
}


@dataclass
class Service:
    """A LlamaParse whose next answers a test may script; afterwards it behaves."""

    uploads: list[Response] = field(default_factory=list)
    statuses: list[Response] = field(default_factory=list)
    results: list[Response] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=lambda: {"id": "job-1", "status": "SUCCESS"})
    result: Any = field(default_factory=lambda: RESULT)
    filenames: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)
    calls: int = 0
    url: str = ""

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/parsing/upload", self.upload, methods=["POST"]),
                Route("/api/parsing/job/{job}", self.job),
                Route("/api/parsing/job/{job}/result/json", self.job_result),
            ]
        )

    async def upload(self, request: Request) -> Response:
        self.calls += 1
        self.authorizations.add(request.headers["authorization"])
        async with request.form() as form:
            file = form["file"]
            assert not isinstance(file, str)
            self.filenames.append(file.filename or "")
            self.sizes.append(len(await file.read()))
        return self.uploads.pop(0) if self.uploads else JSONResponse({"id": "job-1"})

    async def job(self, request: Request) -> Response:
        self.calls += 1
        return self.statuses.pop(0) if self.statuses else JSONResponse(self.status)

    async def job_result(self, request: Request) -> Response:
        self.calls += 1
        return self.results.pop(0) if self.results else JSONResponse(self.result)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    async with serve(service.app) as service.url:
        yield service


def parser_of(
    service: Service, timeout_seconds: float = 30, retries: RetryPolicy | None = None
) -> LlamaParseParser:
    return LlamaParseParser(
        api_key="llx-secret",
        base_url=service.url,
        timeout_seconds=timeout_seconds,
        max_pages=10,
        retries=retries or RetryPolicy(first_wait=0.01),
    )


async def read(parser: Parser, path: Path = HANDBOOK, media_type: str = PDF) -> list[PageWindow]:
    return [window async for window in parser.parse(path, media_type)]


async def failure_of(parser: Parser) -> ProviderUnavailable:
    with pytest.raises(ProviderUnavailable) as failure:
        await read(parser)
    assert "llx-secret" not in failure.value.message
    return failure.value


async def test_pages_arrive_as_text(service: Service) -> None:
    (window,) = await read(parser_of(service))
    assert window.page_count == 3
    assert [(page.number, page.text) for page in window.pages] == [
        (1, "# Title\n\na | b\n1 | 2\n\nText."),
        (2, ""),
        (3, "The end."),
    ]
    assert (window.pages[0].width, window.pages[0].height) == (612.0, 792.0)
    assert service.filenames == ["document.pdf"]
    assert service.sizes == [HANDBOOK.stat().st_size]
    assert service.authorizations == {"Bearer llx-secret"}


async def test_the_service_learns_the_format_from_a_name(service: Service) -> None:
    await read(parser_of(service), SAMPLES / "visitor-guide.html", HTML)
    assert service.filenames == ["document.html"]


async def test_a_pending_job_is_polled(service: Service) -> None:
    service.statuses = [JSONResponse({"id": "job-1", "status": "PENDING"})]
    assert len(await read(parser_of(service))) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_passing_troubles_are_retried_with_the_whole_file(
    service: Service, status: int
) -> None:
    service.uploads = [Response(status_code=status)]
    service.statuses = [Response(status_code=status)]
    service.results = [Response(status_code=status)]
    assert len(await read(parser_of(service))) == 1
    assert service.sizes == [HANDBOOK.stat().st_size] * 2


@pytest.mark.parametrize("after", ["0", "Wed, 21 Oct 2015 07:28:00 GMT"])
async def test_retry_after_is_obeyed(service: Service, after: str) -> None:
    service.uploads = [Response(status_code=429, headers={"Retry-After": after})]
    day = 24 * 3600.0
    retries = RetryPolicy(first_wait=day, longest_wait=day)
    assert len(await read(parser_of(service, retries=retries))) == 1


@pytest.mark.parametrize("after", ["3600", "Fri, 21 Oct 2350 07:28:00 GMT"])
async def test_a_service_that_asks_for_too_much_patience_is_given_up(
    service: Service, after: str
) -> None:
    service.uploads = [Response(status_code=429, headers={"Retry-After": after})]
    failure = await failure_of(parser_of(service))
    assert failure.code is ErrorCode.PARSER_UNAVAILABLE
    assert len(service.sizes) == 1


async def test_lasting_trouble_ends_after_a_few_attempts(service: Service) -> None:
    service.uploads = [Response(status_code=500) for _ in range(20)]
    await failure_of(parser_of(service))
    assert len(service.sizes) == RetryPolicy().attempts


@pytest.mark.parametrize("status", [400, 401, 402, 404, 422])
async def test_a_refusal_is_not_retried(service: Service, status: int) -> None:
    service.uploads = [Response(status_code=status)]
    await failure_of(parser_of(service))
    assert len(service.sizes) == 1


@pytest.mark.parametrize(
    ("uploads", "status", "result"),
    [
        ([Response("not json")], None, None),
        ([JSONResponse({"no": "id"})], None, None),
        ([], {"id": "job-1"}, None),
        ([], {"id": "job-1", "status": "SUCCESS"}, []),
        ([], {"id": "job-1", "status": "SUCCESS"}, {"pages": "none"}),
        ([], {"id": "job-1", "status": "SUCCESS"}, {"pages": []}),
        ([], {"id": "job-1", "status": "SUCCESS"}, {"pages": [{"page": -4, "md": "x"}]}),
    ],
)
async def test_nonsense_means_unavailable(
    service: Service, uploads: list[Response], status: dict[str, Any] | None, result: Any
) -> None:
    service.uploads = uploads
    service.status = status or service.status
    service.result = RESULT if result is None else result
    assert (await failure_of(parser_of(service))).code is ErrorCode.PARSER_UNAVAILABLE


async def test_a_job_that_never_ends_is_given_up(service: Service) -> None:
    service.status = {"id": "job-1", "status": "PENDING"}
    failure = await failure_of(parser_of(service, timeout_seconds=1.5))
    assert failure.code is ErrorCode.PARSER_TIMEOUT


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    service = Service()
    async with serve(service.app) as service.url:
        pass
    assert (await failure_of(parser_of(service))).code is ErrorCode.PARSER_UNAVAILABLE


async def test_a_document_the_service_gives_up_is_a_parse_failure(service: Service) -> None:
    service.status = {"id": "job-1", "status": "ERROR", "error_code": "BAD", "error_message": "x"}
    with pytest.raises(ParseFailure):
        await read(parser_of(service))


async def test_an_open_circuit_spares_the_service(service: Service) -> None:
    parser = parser_of(service)
    service.uploads = [Response(status_code=401) for _ in range(5)]
    for _ in range(5):
        await failure_of(parser)
    calls = service.calls
    await failure_of(parser)
    assert service.calls == calls


async def test_the_local_parser_stands_in_and_says_so(service: Service) -> None:
    service.uploads = [Response(status_code=401)]
    local = SandboxedParser(timeout_seconds=60, memory_bytes=1 << 30, max_pages=10)
    parser = FallbackParser(parser_of(service), local)
    windows = await read(parser)
    assert parser.name == "llamaparse"
    assert windows[0].notice is not None
    assert "The local parser read the document." in windows[0].notice
    assert windows[0].pages[0].words
    (window,) = await read(parser)
    assert window.notice is None
    assert window.pages[0].text.startswith("# Title")


async def test_a_failure_after_the_first_page_is_not_hidden(service: Service) -> None:
    class Breaking:
        name = "breaking"

        async def parse(self, path: Path, media_type: str) -> AsyncIterator[PageWindow]:
            yield PageWindow([], 1)
            raise ProviderUnavailable(ErrorCode.PARSER_UNAVAILABLE, "gone")

    with pytest.raises(ProviderUnavailable):
        await read(FallbackParser(Breaking(), parser_of(service)))  # type: ignore[arg-type]


async def test_the_settings_choose_the_parser(service: Service) -> None:
    assert open_parser(Settings(_env_file=None)).name == "local"
    settings = Settings(
        _env_file=None,
        llama_cloud_api_key="llx-secret",
        llama_cloud_base_url=service.url,
    )
    parser = open_parser(settings)
    assert parser.name == "llamaparse"
    (window,) = await read(parser)
    assert window.page_count == 3
