"""A citation lands on the very words, whatever the format; what documents hold stays text."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from support.browsing import SAMPLES, add, ask, sign_up

QUESTIONS = {
    "observatory-charter.md": "How many wardens govern the observatory?",
    "restoration-minutes.odt": "Where does the slate for the roof come from?",
    "skerra-tales.epub": "What did Eudora Vance wager?",
    "supplier-notice.rtf": "When are deliveries taken at the slipway?",
    "survey-report.docx": "How much does the bell of the Constance Ardley weigh?",
    "third-chain.eml": "When did the third chain snap?",
    "tide-readings.csv": "What was the height at Molar Rocks?",
    "visitor-guide.html": "What does an adult day ticket cost?",
    "keeper-diary.txt": "How many panes of the lantern were lost?",
    "accounts.xlsx": "How much did the ferry levy bring?",
    "centenary-talk.pptx": "Which way did the first moon cam run in April 1891?",
}


@pytest.mark.parametrize("filename", QUESTIONS)
async def test_the_mark_is_on_the_quoted_words(page: Page, filename: str) -> None:
    await sign_up(page)
    await add(page, SAMPLES / filename)
    await page.get_by_role("link", name="New chat").click()
    await ask(page, QUESTIONS[filename])
    chips = page.locator(".answer").last.locator(".chip")
    for i in range(await chips.count()):
        chip = chips.nth(i)
        await chip.hover()
        tip = page.locator(".quote-tip:popover-open .quote-tip-quote")
        quote = await tip.text_content() or ""
        await chip.click()
        await page.locator("mark.mark-quote").first.wait_for()
        marked = "".join(await page.locator("mark.mark-quote").all_text_contents())
        assert letters(marked) == letters(quote)
        assert letters(quote)
        await page.keyboard.press("Escape")
    assert await chips.count()


def letters(text: str) -> str:
    """Without what tables and lists are drawn instead of."""
    return "".join(character for character in text if character.isalnum())


HOSTILE = """# <script>document.title = "broken"</script>

The password of <b>Skerra</b> is <img src=x onerror="document.title='broken'"> **turquoise** and
[click](javascript:document.title='broken') or <a href="https://evil.example/">here</a>.

| <i>cell</i> | <script>document.title = "broken"</script> |
"""


async def test_what_documents_hold_stays_text(page: Page, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)> **notes**.md"
    (tmp_path / name).write_text(HOSTILE)
    await sign_up(page)
    await add(page, tmp_path / name)
    await page.get_by_role("link", name="New chat").click()
    await ask(page, "What is the password of <b>Skerra</b>?")

    answer = page.locator(".answer").last
    await expect(answer).to_contain_text("<img src=x")
    await expect(page.locator(".question")).to_contain_text("<b>Skerra</b>")
    assert await page.locator("main :is(img, script, iframe)").count() == 0
    assert await answer.locator("a").count() == 0
    await answer.locator(".chip").first.click()
    await page.locator("mark.mark-quote").first.wait_for()
    sheet = page.locator(".text-sheet")
    await expect(sheet).to_contain_text('<script>document.title = "broken"</script>')
    assert await sheet.locator(":is(img, script, a, b, i)").count() == 0
    assert "broken" not in await page.title()


async def test_a_cited_version_stays_what_it_was(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "tariff.txt"
    file.write_text("The ferry to Skerra costs eleven crowns.")
    await sign_up(page)
    await add(page, file)
    await page.get_by_role("link", name="New chat").click()
    await ask(page, "What does the ferry cost?")
    await page.get_by_role("link", name="Library", exact=True).click()
    file.write_text("The ferry to Skerra costs nineteen crowns since May.")
    await page.locator("input[type=file]").first.set_input_files(file)
    await page.get_by_role("button", name="New version").click()
    await page.locator(".sendings").wait_for(state="detached")
    await page.locator("li.document.ready", has_text="tariff.txt").wait_for()

    await page.get_by_role("link", name="What does the ferry cost?").click()
    await page.locator(".answer .chip").first.click()
    await expect(page.locator(".viewer")).to_contain_text("This is version 1")
    await expect(page.locator("mark.mark-quote")).to_contain_text("eleven crowns")
