"""`lectern up`: the whole product on one machine, as child processes of one supervisor."""

import asyncio
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from cli.children import Child, Supervised, lectern_command
from cli.configuration import UsageError, variable
from cli.embedded import EmbeddedPostgres, EmbeddedRedis, EmbeddedServerError
from cli.instance import Running, announce, claim, forget, unusable_folder
from cli.probes import ask_database, ask_redis, require_migrations
from core.settings import Settings

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_SECONDS = 60
LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Pages on this machine may call a server that only this machine reaches."""
LOOPBACK_ORIGINS = "http://localhost:*,http://127.0.0.1:*,http://[::1]:*"


def up(settings: Settings, quiet: bool = False) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP; then nothing is left. Raises `UsageError`."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(number, _interrupt)
    console = Console(highlight=False, soft_wrap=True, quiet=quiet)
    alarms = Console(highlight=False, soft_wrap=True)
    try:
        with ExitStack() as stack:
            start = _Start(settings, console, stack)
            _print_ready_screen(settings, start.run(), console)
            while True:
                for part in start.parts:
                    part.tend(alarms)
                time.sleep(0.2)
    except KeyboardInterrupt:
        console.print("Stopped.")
    except EmbeddedServerError as error:
        raise UsageError(str(error)) from None


class _Start:
    """The steps until everything runs; `stack` undoes them in the opposite order."""

    def __init__(self, settings: Settings, console: Console, stack: ExitStack) -> None:
        self.parts: list[Supervised] = []
        self._settings = settings
        self._console = console
        self._stack = stack
        self._begun = time.monotonic()
        self._data_dir = settings.data_dir.absolute()
        self._migrates = settings.database_url is None or settings.database_owner_url is not None
        self._environment = {**os.environ, "LECTERN_DATA_DIR": str(self._data_dir)}
        if not settings.model_fields_set & {"log_level", "log_format"}:
            level = "WARNING" if console.quiet else "INFO"
            self._environment |= {
                variable("log_format"): "brief",
                variable("log_level"): level,
            }
        if not settings.cors_origins and settings.host in LOOPBACK:
            self._environment[variable("cors_origins")] = LOOPBACK_ORIGINS

    def run(self) -> str:
        """The address of the API, once it is ready. Raises `UsageError`."""
        with _nothing_left_of_a_refusal(self._data_dir):
            announcement = self._stack.enter_context(claim(self._data_dir))
            listener = self._stack.enter_context(listen(self._settings))
            self._ask_servers()
            postgres, redis = self._find_servers()
        self._environment["LECTERN_SECRET_KEY"] = _secret_key(self._settings, self._data_dir)
        running = Running(os.getpid(), _url(listener))
        if postgres is not None:
            self._start_server(postgres, "PostgreSQL 18 with pgvector")
            running = replace(
                running, database_url=postgres.app_url, database_owner_url=postgres.owner_url
            )
            self._environment |= {
                variable("database_url"): postgres.app_url,
                variable("database_owner_url"): postgres.owner_url,
            }
        if redis is not None:
            self._start_server(redis, "Redis")
            running = replace(running, redis_url=redis.url)
            self._environment[variable("redis_url")] = redis.url
        self._prepare()
        self._start_processes(listener)
        announce(announcement, running)
        self._say("[bold green]Lectern is ready")
        return running.url

    def _say(self, doing: str) -> None:
        self._console.print(f"[dim]{time.monotonic() - self._begun:5.1f} s[/]  {doing}")

    def _ask_servers(self) -> None:
        """Those that the settings name; they are never started here."""
        if self._settings.database_url is not None:
            asked = "database_owner_url" if self._migrates else "database_url"
            asyncio.run(ask_database(self._settings, asked))
            if not self._migrates:
                asyncio.run(require_migrations(self._settings))
        if self._settings.redis_url is not None:
            asyncio.run(ask_redis(self._settings))

    def _find_servers(self) -> tuple[EmbeddedPostgres | None, EmbeddedRedis | None]:
        """Those that have to be embedded."""
        return (
            EmbeddedPostgres(self._data_dir) if self._settings.database_url is None else None,
            EmbeddedRedis(self._data_dir) if self._settings.redis_url is None else None,
        )

    def _start_server(self, server: EmbeddedPostgres | EmbeddedRedis, title: str) -> None:
        self._stack.callback(server.stop)
        self._say(f"Starting {title}")
        server.start()
        self.parts.append(Supervised(server))

    def _prepare(self) -> None:
        if self._migrates:
            self._say("Bringing the database up to date")
            _finish("migrate", self._environment)
            if self._settings.database_url is not None:  # whose role may not have been there before
                asyncio.run(ask_database(self._settings))
        models = self._data_dir.glob("models/*/model.onnx")
        if self._settings.embedder == "local" and not list(models):
            self._say("Preparing the embedding model")
            _finish("prepare", self._environment)

    def _start_processes(self, listener: socket.socket) -> None:
        # Nobody else could take over: on one machine a stop is a stop, unless somebody wants
        # otherwise.
        unset = {"drain_seconds", "shutdown_seconds"} - self._settings.model_fields_set
        settings = self._settings.model_copy(update=dict.fromkeys(unset, 0))
        self._environment |= {variable(name): "0" for name in unset}
        stop_seconds = settings.drain_seconds + settings.shutdown_seconds + 10
        worker = Child("worker", environment=self._environment, stop_seconds=stop_seconds)
        api = Child(
            *("serve", "--fd", str(listener.fileno())),
            environment=self._environment,
            stop_seconds=stop_seconds,
            inherit=[listener.fileno()],
        )
        self._say("Starting the API and the worker")
        for child in (worker, api):
            self._stack.callback(child.stop)
            child.start()
            self.parts.append(Supervised(child))
        self._stack.callback(worker.ask_to_stop)  # runs first: the two stop side by side
        _wait_until_ready(api, listener)


def _print_ready_screen(settings: Settings, url: str, console: Console) -> None:
    program = Path(sys.argv[0]) if sys.argv[0].endswith("lectern") else Path("lectern")
    if program.is_relative_to(Path.cwd()):
        program = program.relative_to(Path.cwd())
    console.print(
        f"\n  [bold]Open {url}[/]\n\n"
        f"  Demo  {program} demo   in another terminal\n"
        f"  API   {url}/graphql   in a browser: GraphiQL\n"
        f"  Data  {settings.data_dir}\n"
        "\nCtrl-C stops everything. Documents and warnings are told below.\n"
    )


@contextmanager
def _nothing_left_of_a_refusal(data_dir: Path) -> Iterator[None]:
    """Make the data folder; what was made goes again when the body raises."""
    made = [folder for folder in (data_dir, *data_dir.parents) if not folder.exists()]
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unusable_folder(data_dir, error) from None
    try:
        yield
    except BaseException:
        if made:
            forget(data_dir)
        for folder in made:
            with suppress(OSError):  # others have put something there
                folder.rmdir()
        raise


def _finish(command: str, environment: Mapping[str, str]) -> None:
    """Run a short command in a process of its own, so that what it imports goes with it."""
    done = subprocess.run(
        lectern_command(command),
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise UsageError(f"`lectern {command}` failed: {''.join(last).removeprefix('lectern: ')}")


def _wait_until_ready(api: Child, listener: socket.socket) -> None:
    """The socket listens already, so a request waits until the API accepts it."""
    host, port = _reachable(listener)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if not api.is_running():
            raise UsageError("the API ended while it started; its messages stand above")
        connection = http.client.HTTPConnection(host, port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise UsageError(f"the API is not ready after {READY_SECONDS} s; `lectern doctor` tells more")


def listen(settings: Settings) -> socket.socket:
    """The API inherits this socket, so no connection is refused while it is started again.

    Raises `UsageError` that names the settings.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        reason = str(error.strerror).partition(" (while")[0]
        raise UsageError(
            f"cannot listen on {settings.host} port {settings.port} ({reason}): "
            f"set {variable('host')} or {variable('port')} (0 takes any free port)"
        ) from None


def _reachable(listener: socket.socket) -> tuple[str, int]:
    host, port = listener.getsockname()[:2]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port


def _url(listener: socket.socket) -> str:
    host, port = _reachable(listener)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _secret_key(settings: Settings, data_dir: Path) -> str:
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    path = data_dir / "secret.key"
    if not path.exists():
        draft = path.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        draft.rename(path)
    return path.read_text()


def _interrupt(*_: object) -> None:
    """Unwind once; a second signal must not break off the stopping."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
