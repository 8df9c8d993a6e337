"""The parser that the settings ask for."""

from core.settings import Settings
from providers.parsing import Parser
from providers.parsing.sandbox import SandboxedParser


def open_parser(settings: Settings) -> Parser:
    return SandboxedParser(
        timeout_seconds=settings.parse_timeout_seconds,
        memory_bytes=settings.parse_memory_bytes,
        max_pages=settings.max_pages,
    )
