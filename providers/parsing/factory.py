"""The parser that the settings ask for."""

from core.settings import Settings
from providers.parsing import Parser
from providers.parsing.fallback import FallbackParser
from providers.parsing.sandbox import SandboxedParser


def open_parser(settings: Settings) -> Parser:
    """LlamaParse with the local parser as its stand-in, or the local parser alone."""
    local = SandboxedParser(
        timeout_seconds=settings.parse_timeout_seconds,
        memory_bytes=settings.parse_memory_bytes,
        max_pages=settings.max_pages,
        tessdata=settings.tessdata,
    )
    if not settings.uses_llamaparse or settings.llama_cloud_api_key is None:
        return local
    from providers.parsing.llamaparse import LlamaParseParser

    base_url = settings.llama_cloud_base_url
    llamaparse = LlamaParseParser(
        api_key=settings.llama_cloud_api_key.get_secret_value(),
        base_url=str(base_url) if base_url is not None else None,
        timeout_seconds=settings.parse_timeout_seconds,
        max_pages=settings.max_pages,
    )
    return FallbackParser(llamaparse, local)
