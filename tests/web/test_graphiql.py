"""GraphiQL that needs no internet, signed in as the app is."""

from playwright.async_api import Page, expect

from support.browsing import SAMPLES, add, sign_up


async def test_query_upload_and_subscribe(page: Page) -> None:
    await sign_up(page)
    await add(page, SAMPLES / "tide-engine-handbook.pdf")
    await page.goto("/".join(page.url.split("/")[:3]) + "/graphql")
    assert await page.title() == "API explorer – Lectern"
    result = page.locator(".graphiql-response")

    async def run(tab: str) -> None:
        await page.locator(".graphiql-tab-button", has_text=tab).click()
        await page.locator(".graphiql-query-editor .view-line", has_text=tab).first.wait_for()
        await page.locator(".graphiql-execute-button").click()

    await run("Library")
    await expect(result).to_contain_text("tide-engine-handbook.pdf", timeout=30_000)
    await page.locator("input[type=file]").set_input_files(SAMPLES / "keeper-diary.txt")
    await run("Upload")
    await expect(result).to_contain_text("UploadedDocument", timeout=30_000)
    await run("Ask")
    await expect(result).to_contain_text("north room", timeout=30_000)
