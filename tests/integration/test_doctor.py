"""`lectern doctor` against parts that work, that are broken and that are not there."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import asyncpg
import pytest
from pydantic import SecretStr

from core.settings import Settings
from server import doctor
from server.embedded import EmbeddedPostgres


class LanguageModel(BaseHTTPRequestHandler):
    """An OpenAI-compatible server with one model and one key."""

    def do_GET(self) -> None:
        allowed = self.headers["authorization"] == "Bearer right"
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(json.dumps({"data": [{"id": "small"}]}).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@contextmanager
def language_model() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), LanguageModel) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


async def test_everything_works(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with language_model() as url:
        update = {
            "openai_base_url": url,
            "openai_api_key": SecretStr("right"),
            "openai_model": "small",
            "answerer": "openai",
        }
        status = await doctor.doctor(settings.model_copy(update=update))
    output = capsys.readouterr().out
    assert status == 0
    assert "fail" not in output
    for detail in (
        "PostgreSQL 18",
        "pgvector 0.8",
        "migrations are up to date",
        "bound to row-level security",
        "Redis",
        "writes, reads and deletes",
        "liteparse",
        "384 dimensions",
        f"small at {url}",
    ):
        assert detail in output


async def test_each_broken_part_is_named_with_its_remedy(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "CHECK_SECONDS", 5)
    monkeypatch.setenv("LECTERN_PROT", "8000")
    with language_model() as url, socket.create_server(("127.0.0.1", 0)) as silent:
        update = {
            "database_url": settings.database_owner_url,
            "redis_url": f"redis://127.0.0.1:{silent.getsockname()[1]}",
            "storage_url": "file:///proc/nowhere",
            "openai_base_url": url,
            "openai_api_key": SecretStr("wrong"),
            "answerer": "openai",
        }
        status = await doctor.doctor(settings.model_copy(update=update))
    lines = capsys.readouterr().out.splitlines()
    assert status == 1
    for start, detail in (
        ("warn settings", "LECTERN_PROT"),
        ("fail database", "could see every user's documents"),
        ("fail redis", "no answer within 5 s"),
        ("fail storage", ""),
        ("fail answers", "refuses the key"),
    ):
        assert any(line.startswith(start) and detail in line for line in lines), start
    assert any("must name a role that is no superuser" in line for line in lines)
    assert any("OPENAI_API_KEY" in line for line in lines)


async def test_missing_migrations(
    settings: Settings, postgres: EmbeddedPostgres, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = await asyncpg.connect(postgres.url("lectern_owner", "postgres"))
    await connection.execute("CREATE DATABASE behind")
    await connection.close()
    update = {"database_url": postgres.url("lectern_app", "behind")}
    assert await doctor.doctor(settings.model_copy(update=update)) == 1
    assert "lectern migrate" in capsys.readouterr().out


async def test_what_nobody_configured_is_left_to_lectern_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path / "none")
    assert await doctor.doctor(settings) == 0
    assert capsys.readouterr().out.count("`lectern up`") == 4
    assert not settings.data_dir.exists()
