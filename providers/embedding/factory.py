"""The embedder that the settings ask for."""

import json
from functools import partial
from pathlib import Path

from core.settings import Settings
from providers.embedding import Embedder
from providers.embedding.cache import CachedQueries

RETRIES = 3
"""Of a request to a server: 408, 409, 429, 5xx and lost connections."""


def open_embedder(settings: Settings) -> Embedder:
    """Quick and without I/O on models: those are opened by the first request.

    Raises `ValueError` when the settings do not tell how long the vectors are.
    """
    embedder = _openai(settings) if settings.embedder == "openai" else _local(settings)
    return CachedQueries(embedder)


def _local(settings: Settings) -> Embedder:
    from providers.embedding.bundle import DIMENSIONS, NAME, bundled_model
    from providers.embedding.local import LocalEmbedder

    if settings.embedding_model is None:
        make = partial(bundled_model, settings.data_dir / "models")
        return LocalEmbedder(make, NAME, DIMENSIONS, settings.embedding_threads)
    folder = Path(settings.embedding_model)
    dimensions = settings.embedding_dimensions or _hidden_size(folder)
    return LocalEmbedder(lambda: folder, folder.name, dimensions, settings.embedding_threads)


def _hidden_size(folder: Path) -> int:
    try:
        return int(json.loads((folder / "config.json").read_text())["hidden_size"])
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"Set LECTERN_EMBEDDING_DIMENSIONS: {folder} has no config.json with hidden_size"
        ) from error


def _openai(settings: Settings) -> Embedder:
    from openai import AsyncOpenAI

    from providers.embedding.openai import NATIVE_DIMENSIONS, OpenAIEmbedder

    model = settings.embedding_model or "text-embedding-3-small"
    dimensions = settings.embedding_dimensions or NATIVE_DIMENSIONS.get(model)
    if dimensions is None:
        raise ValueError(f"Set LECTERN_EMBEDDING_DIMENSIONS to the length of {model}'s vectors")
    # A server of one's own asks for no key, the client does.
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"
    client = AsyncOpenAI(api_key=key, base_url=settings.openai_base_url, max_retries=RETRIES)
    return OpenAIEmbedder(client, model, dimensions)
