"""The answerer that the settings ask for."""

from core.settings import Settings
from providers.answering import Answerer
from providers.answering.extractive import ExtractiveAnswerer

MAX_RETRIES = 2
"""Of a request that failed before its first token: 408, 409, 429, 5xx and lost connections."""


def open_answerer(settings: Settings, extractive: ExtractiveAnswerer) -> Answerer:
    """Where a language model is asked, the extractive answerer stands in for it."""
    if not settings.uses_openai:
        return extractive
    from openai import AsyncOpenAI, DefaultAioHttpClient

    from providers.answering.fallback import FallbackAnswerer
    from providers.answering.openai import OpenAIAnswerer

    # A server of one's own asks for no key, the client does.
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"
    client = AsyncOpenAI(
        api_key=key,
        base_url=settings.openai_base_url,
        max_retries=MAX_RETRIES,
        http_client=DefaultAioHttpClient(),  # a token costs it a third of what httpx takes
    )
    return FallbackAnswerer(OpenAIAnswerer(client, settings.openai_model), extractive)
