"""What somebody does in the web app."""

from pathlib import Path

from playwright.async_api import Page

from core.ids import new_id

SAMPLES = Path(__file__).parents[1] / "samples"
PASSWORD = "oil it before it asks"


async def sign_up(page: Page) -> str:
    """A new account through the form; its address."""
    address = f"{new_id().hex}@example.org"
    await page.get_by_role("button", name="Create an account").click()
    await page.get_by_label("Your name (optional)").fill("Ada Lovelace")
    await page.get_by_label("E-mail").fill(address)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await page.get_by_role("heading", name="Good to see you, Ada").wait_for()
    return address


async def add(page: Page, *files: Path) -> None:
    """Files through the library's button, until each has been read or has failed."""
    await page.get_by_role("link", name="Library", exact=True).click()
    await page.locator("input[type=file]").first.set_input_files(files)
    for file in files:
        row = page.locator("li.document", has=page.get_by_text(file.name, exact=True))
        await row.and_(page.locator(".ready, .failed")).wait_for()


async def ask(page: Page, question: str) -> None:
    """In the chat, until the answer is complete."""
    await page.get_by_role("textbox", name="Ask about your documents").fill(question)
    await page.keyboard.press("Enter")
    await page.get_by_role("article", name="Your question").filter(has_text=question).wait_for()
    await (
        page.locator(".answer:not(.live)")
        .last.get_by_role("button", name="Copy with footnotes")
        .wait_for()
    )
