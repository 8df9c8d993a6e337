"""From an empty account to the marked words, in a browser that reaches nothing but this machine."""

from playwright.async_api import Page, expect

from support.browsing import SAMPLES, add, ask, sign_up

HANDBOOK = SAMPLES / "tide-engine-handbook.pdf"
QUOTE = "Spare chains hang in the north room, oiled and wrapped in waxed linen."
WORDS_UNDER_THE_MARK = """
() => {
  const mark = document.querySelector(".page-marks .mark-quote").getBoundingClientRect();
  return [...document.querySelectorAll(".textLayer span")].flatMap((span) => {
    const range = document.createRange();
    const node = span.firstChild;
    if (!node || node.nodeType !== Node.TEXT_NODE) return [];
    return [...node.data].filter((_, i) => {
      range.setStart(node, i);
      range.setEnd(node, i + 1);
      const box = range.getBoundingClientRect();
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      return x > mark.left && x < mark.right && y > mark.top && y < mark.bottom;
    });
  }).join("");
}
"""


async def test_from_nothing_to_the_line_of_the_page(page: Page) -> None:
    await sign_up(page)
    await add(page, HANDBOOK)
    await page.get_by_role("link", name="New chat").click()
    await ask(page, "Where do the spare chains hang?")

    answer = page.locator(".answer").last
    await expect(answer).to_contain_text("north room")
    chip = answer.locator(".chip").first
    await chip.hover()
    await expect(page.locator(".quote-tip:popover-open")).to_contain_text(QUOTE)
    await chip.click()

    await page.locator(".page-marks .mark-quote").wait_for(state="attached")
    await page.locator(".sheet[data-page='3'] .textLayer").wait_for()
    marked = await page.evaluate(WORDS_UNDER_THE_MARK)
    assert "".join(marked.split()) == "".join(QUOTE.split())
    await expect(page.get_by_label("Page", exact=True)).to_have_value("3")

    await page.keyboard.press("Escape")
    await expect(chip).to_be_focused()

    await page.reload()
    await expect(page.locator(".answer").last).to_contain_text("north room")
    await expect(page.get_by_role("link", name="Where do the spare chains hang?")).to_be_visible()
