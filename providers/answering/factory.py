"""The answerer that the settings ask for."""

from core.settings import Settings
from providers.answering import Answerer
from providers.answering.extractive import ExtractiveAnswerer


def open_answerer(settings: Settings, extractive: ExtractiveAnswerer) -> Answerer:
    """Where a language model is asked, the extractive answerer stands in for it."""
    if not settings.uses_openai:
        return extractive
    from providers.answering.fallback import FallbackAnswerer
    from providers.answering.openai import OpenAIAnswerer, open_client

    # A server of one's own asks for no key, the client does.
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"
    client = open_client(settings.openai_base_url, key)
    return FallbackAnswerer(OpenAIAnswerer(client, settings.openai_model), extractive)
