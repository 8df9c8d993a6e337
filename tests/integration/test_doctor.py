"""`lectern doctor` against parts that work, that are broken and that are not there."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr

from cli import doctor
from cli.embedded import EmbeddedPostgres
from core.settings import Settings


class LanguageModel(BaseHTTPRequestHandler):
    """An OpenAI-compatible server with one model, one key, and one that breaks it."""

    def do_GET(self) -> None:
        key = (self.headers["authorization"] or "").removeprefix("Bearer ")
        self.send_response({"right": 200, "broken": 500}.get(key, 401))
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
            "port": 0,
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
        "pypdfium2",
        "rapidocr",
        "parsers are confined by: ",
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
            "port": 0,
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
    update = {"port": 0, "database_url": postgres.url("lectern_app", "behind")}
    assert await doctor.doctor(settings.model_copy(update=update)) == 1
    assert "lectern migrate" in capsys.readouterr().out


async def test_a_database_without_pgvector(
    settings: Settings, postgres: EmbeddedPostgres, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = await asyncpg.connect(postgres.url("lectern_owner", "postgres"))
    await connection.execute("CREATE DATABASE bare TEMPLATE template0")
    await connection.close()
    update = {"port": 0, "database_url": postgres.url("lectern_app", "bare")}
    assert await doctor.doctor(settings.model_copy(update=update)) == 1
    output = capsys.readouterr().out
    assert "fail database     pgvector is missing" in output
    assert "CREATE EXTENSION vector" in output


@pytest.mark.parametrize(
    ("changes", "finding", "remedy"),
    [
        ({"openai_api_key": SecretStr("right")}, "warn answers      URL does not list", "small"),
        (
            {"openai_api_key": SecretStr("broken")},
            "fail answers      Server error '500",
            "BASE_URL",
        ),
        ({"tessdata": Path("/proc")}, "fail parser       TESSDATA_PREFIX has no *.traineddata", ""),
        (
            {"embedder": "openai", "embedding_model": "m", "embedding_dimensions": 3},
            "fail embedder     127.0.0.1 cannot be used",
            "OPENAI_BASE_URL",
        ),
        (
            {"embedder": "openai", "embedding_model": "m"},
            "fail embedder     Set LECTERN_EMBEDDING_DIMENSIONS",
            "LECTERN_EMBEDDING_MODEL",
        ),
        ({"parser": "llamaparse"}, "ok   parser       llama-parse", ""),
    ],
    ids=["model", "server", "scans", "embedder", "dimensions", "llamaparse"],
)
async def test_a_finding_and_what_to_do(
    settings: Settings,
    changes: dict[str, object],
    finding: str,
    remedy: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with language_model() as url:
        update = {"port": 0, "openai_base_url": url, "answerer": "openai", **changes}
        await doctor.doctor(settings.model_copy(update=update))
        output = capsys.readouterr().out.replace(url, "URL")
    (found,) = re.findall(rf"^{re.escape(finding)}.*\n(?: +.*\n)?", output, re.MULTILINE)
    assert remedy in found


async def test_language_data_for_scans_is_named(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for language in ("tha", "eng"):
        (tmp_path / f"{language}.traineddata").touch()
    await doctor.doctor(settings.model_copy(update={"port": 0, "tessdata": tmp_path}))
    assert "Tesseract's languages for scans: eng, tha" in capsys.readouterr().out


async def test_a_port_in_use_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with language_model() as url:
        taken = urlsplit(url).port
        settings = Settings(_env_file=None, data_dir=tmp_path / "none", port=taken)
        assert await doctor.doctor(settings) == 1
    assert f"fail port         cannot listen on 127.0.0.1 port {taken}" in capsys.readouterr().out


@pytest.mark.parametrize("folder", ["/proc/nowhere", "/etc/hostname"])
async def test_a_data_folder_that_cannot_be_made_is_named(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await doctor.doctor(Settings(_env_file=None, data_dir=Path(folder), port=0)) == 1
    output = capsys.readouterr().out
    assert f"fail settings     LECTERN_DATA_DIR: {folder} cannot be used" in output
    assert output.count("fail ") == 1


async def test_each_failure_says_what_to_look_at(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    update = {
        "port": 0,
        "database_url": "postgresql://u:swordfish@127.0.0.1:1/x",
        "redis_url": "redis://127.0.0.1:1",
        "storage_url": "s3://",
        "embedding_model": "/nowhere",
        "rerank_url": "http://127.0.0.1:1",
        "openai_base_url": "http://127.0.0.1:1",
        "answerer": "openai",
    }
    assert await doctor.doctor(settings.model_copy(update=update)) == 1
    output = capsys.readouterr().out
    failures = re.findall(r"^fail .*\n(?: +.*\n)?", output, re.MULTILINE)
    assert len(failures) == 6
    for failure, name in zip(
        failures,
        (
            "DATABASE_URL",
            "REDIS_URL",
            "STORAGE_URL",
            "LECTERN_EMBEDDING_MODEL",
            "LECTERN_RERANK_URL",
            "OPENAI_BASE_URL",
        ),
        strict=True,
    ):
        assert name in failure
    assert all("127.0.0.1 cannot be used" in failure for failure in failures[-2:])
    assert "swordfish" not in output


def test_a_reader_that_goes_away_is_no_crash(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "cli.main", "doctor"],
            env=os.environ | {"LECTERN_DATA_DIR": str(tmp_path / "none"), "LECTERN_PORT": "0"},
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == ""


async def test_what_nobody_configured_is_left_to_lectern_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path / "none", port=0)
    assert await doctor.doctor(settings) == 0
    assert capsys.readouterr().out.count("`lectern up`") == 4
    assert not settings.data_dir.exists()
