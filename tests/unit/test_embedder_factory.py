from pathlib import Path

import pytest

from core.settings import Settings
from providers.embedding.factory import open_embedder


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def test_bundled_model_is_the_default_and_opens_nothing(tmp_path: Path) -> None:
    embedder = open_embedder(settings(data_dir=tmp_path))

    assert embedder.dimensions == 384
    assert list(tmp_path.iterdir()) == []


async def test_folder_tells_its_dimensions(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"hidden_size": 768}')
    embedder = open_embedder(settings(embedding_model=str(tmp_path)))

    assert (embedder.model, embedder.dimensions) == (tmp_path.name, 768)
    await embedder.aclose()


def test_folder_that_does_not_needs_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="LECTERN_EMBEDDING_DIMENSIONS"):
        open_embedder(settings(embedding_model=str(tmp_path)))


async def test_openai_model_shortened_has_another_name() -> None:
    openai = {"embedder": "openai", "openai_api_key": "k"}
    full = open_embedder(settings(**openai))
    short = open_embedder(settings(**openai, embedding_dimensions=512))

    assert (full.dimensions, short.dimensions) == (1536, 512)
    assert full.model != short.model
    await full.aclose()
    await short.aclose()


def test_unknown_openai_model_needs_its_dimensions() -> None:
    with pytest.raises(ValueError, match="LECTERN_EMBEDDING_DIMENSIONS"):
        open_embedder(
            settings(embedder="openai", openai_api_key="k", embedding_model="nomic-embed-text")
        )
