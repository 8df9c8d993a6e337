"""Networks, tokens, tabs and servers come and go; what was typed, sent and answered stays."""

import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from cli.children import Child
from core.settings import Settings
from support.browsing import SAMPLES, add, sign_up
from support.language_model import Model, model_in_thread, says
from support.product import Product

WORDS = [f"word{n} " for n in range(40)]
QUESTION = "Where do the spare chains hang?"
HANDBOOK = SAMPLES / "tide-engine-handbook.pdf"


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with model_in_thread() as model:
        yield model


@pytest.fixture(scope="module")
def served(
    model: Model,
    settings_in: Callable[[Path], Settings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Child]]:
    """A server whose model answers in as many pieces as there are words; tokens last seconds."""
    settings = settings_in(tmp_path_factory.mktemp("interrupted"))
    environment = {
        "OPENAI_BASE_URL": model.url,
        "LECTERN_ANSWERER": "openai",
        "LECTERN_ACCESS_TOKEN_SECONDS": "5",
        "LECTERN_LEASE_SECONDS": "2",
    }
    with Product(settings, **environment) as product:
        url, child = product.serve()
        product.work()
        yield url, child


@pytest.fixture(scope="module")
def url(served: tuple[str, Child]) -> str:
    return served[0]


async def begin(page: Page, question: str = QUESTION) -> None:
    """Ask, until a part of the answer stands there."""
    await page.get_by_role("textbox", name="Ask about your documents").fill(question)
    await page.keyboard.press("Enter")
    await page.locator(".answer.live", has_text="word3").wait_for()


async def complete(page: Page) -> None:
    """All words stand there once."""
    answer = page.locator(".answer:not(.live)").last
    await expect(answer).to_contain_text("word39", timeout=60_000)
    text = await answer.locator(".answer-text").text_content() or ""
    assert text.split() == "".join(WORDS).split()


async def test_a_token_ends_in_the_middle_of_an_answer(page: Page, model: Model) -> None:
    model.manners = [says(*WORDS, between=0.25)]  # twice as long as a token lasts
    await sign_up(page)
    await add(page, HANDBOOK)
    await page.get_by_role("link", name="New chat").click()
    await begin(page)
    await complete(page)
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_a_reload_in_the_middle_of_an_answer(page: Page, model: Model) -> None:
    model.manners = [says(*WORDS, between=0.2)]
    await sign_up(page)
    await add(page, HANDBOOK)
    await page.get_by_role("link", name="New chat").click()
    await begin(page)
    await page.reload()
    await complete(page)
    await expect(page.locator(".question")).to_have_count(1)


async def test_two_tabs_agree(page: Page, model: Model) -> None:
    model.manners = [says(*WORDS, between=0.1)]
    await sign_up(page)
    await add(page, HANDBOOK)
    other = await page.context.new_page()
    await other.goto("/".join(page.url.split("/")[:3]))
    await other.get_by_role("heading", name="Good to see you, Ada").wait_for()
    await page.get_by_role("link", name="New chat").click()
    await begin(page)
    await other.get_by_role("link", name=QUESTION).click()
    await complete(page)
    await complete(other)
    await other.get_by_role("textbox", name="Ask about your documents").fill("Who oils them?")
    await other.keyboard.press("Enter")
    await page.locator(".question").nth(1).wait_for()
    await expect(page.locator(".answer:not(.live)")).to_have_count(2, timeout=60_000)
    await page.get_by_role("button", name="Account").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await other.get_by_role("heading", name="Welcome back").wait_for()


async def test_stop_then_edit_then_go_between_the_branches(page: Page, model: Model) -> None:
    model.manners = [says(*WORDS, between=0.3)]
    await sign_up(page)
    await add(page, HANDBOOK)
    await page.get_by_role("link", name="New chat").click()
    await begin(page)
    await page.get_by_role("button", name="Stop answering").click()
    await page.get_by_text("You stopped this answer.").wait_for()

    model.manners = [says(*WORDS)]
    await page.locator(".question").hover()
    await page.get_by_role("button", name="Edit the question").click()
    await page.locator(".question-edit textarea").fill("Where are the spare chains?")
    await page.locator(".question-edit").get_by_role("button", name="Ask").click()
    await complete(page)
    await expect(page.locator(".question")).to_have_count(1)
    await expect(page.locator(".question")).to_contain_text("Where are the spare chains?")
    await page.get_by_role("button", name="Previous version").click()
    await page.get_by_text("You stopped this answer.").wait_for()
    await expect(page.locator(".question")).to_contain_text(QUESTION)

    await page.get_by_role("button", name="Answer again").click()
    await complete(page)
    await expect(page.locator(".answer .branches")).to_contain_text("2/2")


async def test_the_server_dies_in_the_middle_of_an_answer(
    page: Page, model: Model, served: tuple[str, Child]
) -> None:
    _, child = served
    model.manners = [says(*WORDS, between=0.3)]
    await sign_up(page)
    await add(page, HANDBOOK)
    await page.get_by_role("link", name="New chat").click()
    await begin(page)
    draft = page.get_by_role("textbox", name="Ask about your documents")
    await draft.fill("What I was writing meanwhile")
    assert child.process is not None
    os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()
    await page.get_by_text("The server is out of reach.").wait_for()
    child.start()

    await page.get_by_role("button", name="Try again").wait_for()
    await expect(page.locator(".answer").last).to_contain_text("word3")
    await expect(draft).to_have_value("What I was writing meanwhile")
    model.manners = [says(*WORDS)]
    await page.get_by_role("button", name="Try again").click()
    await complete(page)


async def test_fifty_files_at_once(page: Page, tmp_path: Path) -> None:
    files = [tmp_path / f"note-{n:02}.txt" for n in range(50)]
    for n, file in enumerate(files):
        file.write_text(f"Note {n} tells that lamp {n} is lit at dusk.")
    await sign_up(page)
    await page.get_by_role("link", name="Library", exact=True).click()
    await page.evaluate(
        """([names, texts]) => {
          const transfer = new DataTransfer();
          names.forEach((name, i) => transfer.items.add(new File([texts[i]], name)));
          dispatchEvent(new DragEvent("drop", { dataTransfer: transfer }));
        }""",
        [[file.name for file in files], [file.read_text() for file in files]],
    )
    await expect(page.locator("li.document.ready")).to_have_count(50, timeout=120_000)
    await expect(page.locator(".sendings")).to_have_count(0)


async def test_a_wrong_password_and_a_taken_address(
    new_context: Callable[..., Awaitable[BrowserContext]], page: Page
) -> None:
    address = await sign_up(page)
    other = await (await new_context()).new_page()
    await other.goto(page.url)
    await other.get_by_label("E-mail").fill(address)
    await other.get_by_label("Password").fill("not the password")
    await other.get_by_role("button", name="Sign in").click()
    await other.get_by_role("alert").wait_for()
    await other.get_by_role("button", name="Create an account").click()
    await other.get_by_label("Password").fill("not the password")
    await other.get_by_role("button", name="Create account").click()
    await expect(other.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
