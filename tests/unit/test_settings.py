"""Settings as people write them in the environment."""

from pathlib import Path

import pytest

from cli.configuration import UsageError, load_settings, require, variable
from core.settings import Settings


@pytest.fixture(autouse=True)
def _no_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_origins_have_commas_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_CORS_ORIGINS", "http://localhost:5173, https://app.example")
    assert Settings().cors_origins == ("http://localhost:5173", "https://app.example")


@pytest.mark.parametrize(
    ("text", "size"),
    [("10MB", 10_000_000), ("256 MiB", 2**28), ("1.5gib", 1.5 * 2**30), ("4096", 4096)],
)
def test_sizes_may_have_units(text: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_UPLOAD_BYTES", "MAX_USER_BYTES", "PARSE_MEMORY_BYTES"):
        monkeypatch.setenv(f"LECTERN_{name}", text)
    settings = load_settings()
    assert settings.max_upload_bytes == settings.max_user_bytes == size
    assert settings.parse_memory_bytes == size


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("LECTERN_CORS_ORIGINS", "http://localhost:5173/", "without a slash at its end"),
        ("LECTERN_CORS_ORIGINS", '["http://localhost:5173"]', "write it as https://HOST"),
        ("LECTERN_RATE_QUESTION", "often", "write it as 30/minute"),
        ("OPENAI_BASE_URL", "llm.example", "write it as http://HOST or https://HOST"),
        ("LECTERN_SECRET_KEY", "short", "at least 32 characters, not 5"),
        ("STORAGE_URL", "s3://", "write it as s3://BUCKET"),
        ("LECTERN_MAX_UPLOAD_BYTES", "plenty", "a size such as 10MB or 256MiB"),
        ("LECTERN_MAX_UPLOAD_BYTES", "-1", "a size such as 10MB or 256MiB"),
        ("LECTERN_MAX_UPLOAD_BYTES", "0", "greater than 0"),
    ],
)
def test_a_mistake_is_named_in_words(
    name: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"{name}: .*{complaint}"):
        load_settings()


def test_mistakes_are_named_together_those_of_several_settings_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LECTERN_PORT", "eighty")
    monkeypatch.setenv("LECTERN_LOG_LEVEL", "LOUD")
    with pytest.raises(UsageError) as refusal:
        load_settings()
    assert str(refusal.value).count("; ") == 1
    assert "LECTERN_PORT" in str(refusal.value)
    assert "LECTERN_LOG_LEVEL" in str(refusal.value)


def test_settings_that_contradict_each_other_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_PARSER", "llamaparse")
    with pytest.raises(UsageError, match="LLAMA_CLOUD_API_KEY"):
        load_settings()


def test_what_a_command_needs_is_named_as_people_set_it() -> None:
    settings = Settings(_env_file=None, REDIS_URL="redis://127.0.0.1")
    require(settings, "redis_url")
    with pytest.raises(UsageError, match=r"^DATABASE_URL and LECTERN_SECRET_KEY must be set"):
        require(settings, "database_url", "redis_url", "secret_key")
    assert variable("port") == "LECTERN_PORT"
    assert variable("OPENAI_API_KEY") == "OPENAI_API_KEY"
