"""Every screen by the rules of axe-core (WCAG 2.2 AA, best practice), in both themes."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from support.browsing import SAMPLES, add, ask, sign_up

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def violations(page: Page) -> list[str]:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make web")
    await page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = await page.evaluate(
        "async (tags) => (await axe.run({ runOnly: tags })).violations", RULES
    )
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_screen_breaks_a_rule(page: Page, theme: str) -> None:
    await page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    screens: dict[str, list[str]] = {"sign in": await violations(page)}
    await page.get_by_role("button", name="Create an account").click()
    screens["sign up"] = await violations(page)
    await page.reload()
    await sign_up(page)
    screens["welcome, empty"] = await violations(page)
    await add(
        page, SAMPLES / "tide-engine-handbook.pdf", SAMPLES / "wardens-only.pdf",
        SAMPLES / "visitor-guide.html",
    )  # fmt: skip
    screens["library"] = await violations(page)
    await page.get_by_role("button", name="More for visitor-guide.html").click()
    screens["menu"] = await violations(page)
    await page.get_by_role("menuitem", name="Details").click()
    await page.get_by_role("heading", name="visitor-guide.html").wait_for()
    screens["document"] = await violations(page)
    await page.get_by_role("link", name="Search", exact=True).click()
    await page.get_by_role("searchbox").fill("moon cam")
    await page.keyboard.press("Enter")
    await page.locator(".hit").first.wait_for()
    screens["search"] = await violations(page)
    await page.get_by_role("link", name="New chat").click()
    screens["welcome"] = await violations(page)
    await ask(page, "What does an adult day ticket cost?")
    screens["answer"] = await violations(page)
    await page.locator(".chip").first.click()
    await page.locator("mark.mark-quote").first.wait_for()
    screens["text beside the chat"] = await violations(page)
    await ask(page, "Where do the spare chains hang?")
    await page.locator(".answer").last.locator(".chip").first.click()
    await page.locator(".page-marks .mark-quote").wait_for(state="attached")
    screens["page beside the chat"] = await violations(page)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="All documents").click()
    await page.get_by_role("dialog").wait_for()
    screens["dialog"] = await violations(page)
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="Chats", exact=True).click()
    await page.locator(".conversation").first.wait_for()
    screens["conversations"] = await violations(page)
    await page.locator(".account > a").click()
    await page.get_by_role("heading", name="API keys").wait_for()
    screens["settings"] = await violations(page)

    assert {name: found for name, found in screens.items() if found} == {}


async def test_all_of_it_by_keyboard(page: Page) -> None:
    await sign_up(page)
    await add(page, SAMPLES / "tide-engine-handbook.pdf")
    await page.get_by_role("link", name="New chat").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Good to see you, Ada").wait_for()
    await page.keyboard.press("/")
    await page.keyboard.type("Where do the spare chains hang?")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Copy with footnotes").wait_for()
    await page.get_by_role("textbox", name="Ask about your documents").blur()
    await page.keyboard.press("j")
    await expect(page.locator(".answer")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator(".chip").first).to_be_focused()
    await expect(page.locator(".quote-tip:popover-open")).to_contain_text("north room")
    await page.keyboard.press("Enter")
    viewer = page.get_by_role("complementary", name="Document tide-engine-handbook.pdf")
    await expect(viewer).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator(".chip").first).to_be_focused()


async def test_a_stream_is_not_read_out_bit_by_bit(page: Page) -> None:
    await sign_up(page)
    await add(page, SAMPLES / "tide-engine-handbook.pdf")
    await page.get_by_role("link", name="New chat").click()
    await ask(page, "Where do the spare chains hang?")

    await expect(page.get_by_role("log")).to_have_attribute("aria-live", "off")
    await expect(page.locator("[role=status][aria-live=polite]")).to_have_text(
        "Answer ready, 1 source"
    )


@pytest.mark.parametrize("width", [320, 360, 768])
async def test_nothing_is_cut_off_on_narrow_screens(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 640})
    await sign_up(page)
    await add(page, SAMPLES / "tide-engine-handbook.pdf", SAMPLES / "wardens-only.pdf")
    for path in ("/", "/library", "/search?q=moon+cam", "/chats", "/settings"):
        await page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/")[2] + path)
        await page.locator("main :is(h1, #question)").first.wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
    await page.goto("/".join(page.url.split("/")[:3]))
    await ask(page, "Where do the spare chains hang?")
    await page.locator(".chip").first.click()
    await page.locator(".page-marks .mark-quote").wait_for(state="attached")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_right_to_left(page: Page) -> None:
    await page.get_by_label("Language").select_option("ar")
    await page.get_by_role("heading", name="أهلًا بعودتك").wait_for()
    assert await page.evaluate("document.documentElement.dir") == "rtl"
    await page.get_by_role("button", name="إنشاء حساب جديد").click()
    await page.get_by_label("البريد الإلكتروني").fill("x@example.org")
    await page.reload()
    await page.get_by_role("heading", name="أهلًا بعودتك").wait_for()
    await page.get_by_label("اللغة").select_option("en")
    await sign_up(page)
    await page.evaluate("localStorage.setItem('lectern.language', 'ar')")
    await page.reload()
    sidebar, main = page.locator(".sidebar"), page.locator("main")
    await page.get_by_role("link", name="المكتبة").click()
    left, right = await main.bounding_box(), await sidebar.bounding_box()
    assert left is not None
    assert right is not None
    assert left["x"] < right["x"]
