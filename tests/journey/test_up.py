"""`lectern up` as people run it: a process in a terminal, on a data folder of its own."""

import asyncio
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest

from cli.doctor import doctor
from cli.embedded import EmbeddedPostgres, EmbeddedRedis
from cli.instance import find_running
from core.settings import Settings

PATIENCE_SECONDS = 120
REGISTER = """
mutation ($input: RegisterInput!) { register(input: $input) { ... on Session { accessToken } } }
"""
LOGIN = """
mutation ($input: LoginInput!) { login(input: $input) { ... on Session { user { email } } } }
"""
ACCOUNT = {"email": "keeper@example.org", "password": "oil it before it asks"}


class Up:
    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli.main", "up"],
            env=environment,
            cwd=Path(environment["LECTERN_DATA_DIR"]).parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""

    def wait_until_ready(self) -> str:
        """The address of the API."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if found := re.search(r"API +(http\S+)", line):
                return found[1]
        raise AssertionError(self.output)

    def family(self) -> list[psutil.Process]:
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def finish(self) -> int:
        self.output += self.process.communicate(timeout=PATIENCE_SECONDS)[0]
        return self.process.returncode


Start = Callable[..., Up]


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(**settings: str) -> Up:
            up = Up(environment | settings)

            def end() -> None:
                up.process.terminate()
                up.finish()

            stack.callback(end)
            return up

        yield begin


def execute(url: str, query: str, **variables: object) -> dict[str, Any]:
    response = httpx.post(url, json={"query": query, "variables": variables}, timeout=60)
    data: dict[str, Any] = response.json()["data"]
    return data


def register(url: str) -> None:
    data = execute(url, REGISTER, input=ACCOUNT)
    assert data["register"]["accessToken"]


def child(up: Up, command: str) -> psutil.Process:
    return next(process for process in up.family() if command in process.cmdline())


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_ctrl_c_leaves_no_process_and_the_next_start_finds_everything(
    start: Start, tmp_path: Path
) -> None:
    first = start()
    url = first.wait_until_ready()
    screen = first.output.split("Lectern is ready\n\n")[1]
    assert screen.startswith(f"  Open {url.removesuffix('/graphql')}\n\n")
    register(url)
    family = first.family()
    assert len(family) > 10  # PostgreSQL alone has several

    first.process.send_signal(signal.SIGINT)
    assert first.finish() == 0
    assert psutil.wait_procs(family, timeout=0)[1] == []
    assert "Traceback" not in first.output
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600

    second = start()
    url = second.wait_until_ready()
    assert execute(url, LOGIN, input=ACCOUNT) == {"login": {"user": {"email": ACCOUNT["email"]}}}


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_killing_the_supervisor_leaves_no_process(start: Start) -> None:
    up = start()
    up.wait_until_ready()
    family = up.family()
    up.process.kill()
    up.process.wait()
    assert psutil.wait_procs(family, timeout=PATIENCE_SECONDS)[1] == []


@pytest.mark.parametrize("folder", ["data", "d" * 100], ids=["short path", "long path"])
def test_each_part_that_ends_is_started_again(start: Start, tmp_path: Path, folder: str) -> None:
    up = start(LECTERN_DATA_DIR=str(tmp_path / folder))
    url = up.wait_until_ready()
    data = tmp_path / folder
    postgres = psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split()[0]))
    redis = psutil.Process(int((data / "redis" / "redis.pid").read_text()))
    lost = [child(up, "serve"), child(up, "worker"), postgres, redis]
    for process in lost:
        process.kill()
    psutil.wait_procs(lost, timeout=PATIENCE_SECONDS)

    def is_ready() -> bool:
        try:
            return httpx.get(url.replace("/graphql", "/readyz"), timeout=60).status_code == 200
        except httpx.TransportError:
            return False

    eventually(is_ready)
    eventually(lambda: any("worker" in process.cmdline() for process in up.family()))
    register(url)


def test_a_second_one_on_the_same_folder_says_where_the_first_is(
    start: Start, tmp_path: Path
) -> None:
    up = start()
    url = up.wait_until_ready()
    running = find_running(tmp_path / "data")
    assert running is not None
    assert (running.pid, f"{running.url}/graphql") == (up.process.pid, url)
    second = start()
    assert second.finish() == 1
    assert second.output.count("\n") == 1
    assert running.url in second.output


def test_doctor_looks_at_the_embedded_servers(start: Start, tmp_path: Path) -> None:
    up = start()
    url = up.wait_until_ready()
    settings = Settings(_env_file=None, data_dir=tmp_path / "data")
    with redirect_stdout(StringIO()) as output:
        assert asyncio.run(doctor(settings)) == 0
    assert "PostgreSQL 18" in output.getvalue()
    assert "Redis" in output.getvalue()
    assert "lectern up" not in output.getvalue()
    assert f"Lectern answers at {url.removesuffix('/graphql')}" in output.getvalue()

    api = child(up, "serve")
    api.suspend()
    try:
        with redirect_stdout(StringIO()) as output:
            assert asyncio.run(doctor(settings)) == 1
    finally:
        api.resume()
    assert "fail port" in output.getvalue()


def test_a_port_in_use_is_named_in_one_line_and_leaves_no_folder(
    start: Start, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        up = start(LECTERN_PORT=port)
        assert up.finish() == 1
    assert up.output.count("\n") == 1
    assert port in up.output
    assert "LECTERN_PORT" in up.output
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LECTERN_PORT", "eighty"),
        ("LECTERN_CORS_ORIGINS", "no origin"),
        ("LECTERN_LOG_LEVEL", "LOUD"),
        ("LECTERN_SECRET_KEY", "short"),
        ("LECTERN_PARSER", "llamaparse"),
        ("DATABASE_URL", "mysql://localhost/lectern"),
        ("LECTERN_DATA_DIR", "/etc/hostname"),
        ("LECTERN_DATA_DIR", "/proc/nowhere"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(start: Start, name: str, value: str) -> None:
    up = start(**{name: value})
    assert up.finish() == 1
    assert up.output.count("\n") == 1
    assert name in up.output


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://u:hidden@127.0.0.1:1/x"),
        ("DATABASE_URL", "postgresql://u:hidden@127.0.0.1:port/x"),
        ("REDIS_URL", "redis://:hidden@127.0.0.1:1/0"),
        ("REDIS_URL", "redis://:hidden@127.0.0.1:port/0"),
    ],
)
def test_a_server_that_does_not_answer_is_named_before_anything_is_started(
    start: Start, tmp_path: Path, name: str, value: str
) -> None:
    up = start(**{name: value})
    assert up.finish() == 1
    assert up.output.startswith(f"lectern: {name}: 127.0.0.1: ")
    assert up.output.count("\n") == 1
    assert not (tmp_path / "data").exists()
    assert "hidden" not in up.output


def test_servers_that_are_set_are_used_and_none_is_embedded(
    start: Start, postgres: EmbeddedPostgres, redis: EmbeddedRedis
) -> None:
    owner_url, app_url = asyncio.run(new_database(postgres, "outside"))
    servers = {"DATABASE_URL": app_url, "REDIS_URL": redis.url}
    refused = start(**servers)
    assert refused.finish() == 1
    assert re.fullmatch(
        r"lectern: DATABASE_URL: \d+ migrations are missing: .*LECTERN_DATABASE_OWNER_URL.*\n",
        refused.output,
    )

    up = start(**servers, LECTERN_DATABASE_OWNER_URL=owner_url)
    register(up.wait_until_ready())
    names = {process.name() for process in up.family()}
    assert not any(name.startswith(("postgres", "redis")) for name in names)


def test_a_step_that_fails_is_named_with_its_reason(
    start: Start, postgres: EmbeddedPostgres
) -> None:
    """Whoever owns nothing cannot migrate."""
    _, app_url = asyncio.run(new_database(postgres, "nobodys"))
    up = start(DATABASE_URL=app_url, LECTERN_DATABASE_OWNER_URL=app_url)
    assert up.finish() == 1
    last = up.output.splitlines()[-1]
    assert last.startswith("lectern: `lectern migrate` failed: ")
    assert "permission denied" in last


async def new_database(postgres: EmbeddedPostgres, name: str) -> tuple[str, str]:
    """Its addresses as the owner and as the application."""
    connection = await asyncpg.connect(postgres.owner_url)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {name}")
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return postgres.url("lectern_owner", name), postgres.url("lectern_app", name)


def test_migrate_names_a_database_that_does_not_answer(environment: dict[str, str]) -> None:
    url = "postgresql://u:hidden@127.0.0.1:1/x"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli.main", "migrate"],
        env=environment | {"DATABASE_URL": url, "LECTERN_DATABASE_OWNER_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("lectern: LECTERN_DATABASE_OWNER_URL: ")
    assert done.stderr.count("\n") == 1
