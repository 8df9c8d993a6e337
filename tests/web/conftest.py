"""A browser before the real server; skipped where there is no Chromium."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright

from core.settings import Settings
from support.product import Product

PATIENCE = 60_000
"""Milliseconds; the machine may be busy."""


@pytest.fixture(scope="module")
def url(
    settings_in: Callable[[Path], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with Product(settings_in(tmp_path_factory.mktemp("web"))) as product:
        url, _ = product.serve()
        product.work()
        yield url


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture
async def new_context(browser: Browser) -> AsyncIterator[Callable[..., Awaitable[BrowserContext]]]:
    """Windows of a browser that speaks English; none asks anybody but this machine."""
    elsewhere: list[str] = []

    def watch(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            elsewhere.append(request.url)

    async def make(**options: object) -> BrowserContext:
        options = {"locale": "en-GB", "viewport": {"width": 1360, "height": 860}} | options
        context = await browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        context.on("request", watch)
        return context

    yield make
    assert elsewhere == []


@pytest.fixture
async def page(
    new_context: Callable[..., Awaitable[BrowserContext]], url: str
) -> AsyncIterator[Page]:
    """The app in a window, nobody signed in; scripts must not fail nor break the policy."""
    page = await (await new_context()).new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    await page.goto(url)
    yield page
    assert complaints == []
