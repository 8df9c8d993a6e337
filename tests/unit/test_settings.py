"""Settings as people write them in the environment."""

from pathlib import Path

import pytest

from cli.configuration import UsageError, load_settings
from core.settings import Settings


@pytest.fixture(autouse=True)
def _no_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_origins_have_commas_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_CORS_ORIGINS", "http://localhost:5173, https://app.example")
    assert Settings().cors_origins == ("http://localhost:5173", "https://app.example")


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("LECTERN_CORS_ORIGINS", "http://localhost:5173/", "should match"),
        ("LECTERN_CORS_ORIGINS", '["http://localhost:5173"]', "should match"),
        ("LECTERN_SECRET_KEY", "short", "at least 32 characters, not 5"),
        ("STORAGE_URL", "s3://", "should match"),
    ],
)
def test_a_mistake_is_named_in_words(
    name: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"{name}: .*{complaint}"):
        load_settings()
