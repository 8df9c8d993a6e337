"""What a running `lectern up` tells other commands about itself, in its data folder."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from cli.configuration import UsageError, variable


@dataclass(frozen=True, slots=True)
class Running:
    pid: int
    url: str
    """Of the API, without a path."""
    database_url: str | None = None
    database_owner_url: str | None = None
    redis_url: str | None = None
    """The three of embedded servers only: others are in the environment, with their passwords."""


@contextmanager
def claim(data_dir: Path) -> Iterator[TextIO]:
    """Hold the data folder, with the file to `announce` in; `UsageError` when it is taken."""
    with _open(data_dir) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = file.read()
            other = Running(**json.loads(text)).url if text else "it is starting"
            raise UsageError(f"another `lectern up` runs on {data_dir}: {other}") from None
        file.truncate(0)
        try:
            yield file
        finally:
            file.truncate(0)


def announce(file: TextIO, running: Running) -> None:
    json.dump(asdict(running), file)
    file.flush()


def find_running(data_dir: Path) -> Running | None:
    """The product that runs on this data folder; None as well while it is still starting."""
    if not (data_dir / "up.json").exists():
        return None
    with _open(data_dir) as file:
        text = file.read()
        if not text:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return Running(**json.loads(text))
    return None  # it was killed


def forget(data_dir: Path) -> None:
    """Leave no trace of a claim that came to nothing."""
    (data_dir / "up.json").unlink(missing_ok=True)


def unusable_folder(data_dir: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{variable('data_dir')}: {data_dir} cannot be used ({error.strerror}): "
        "name a folder that can be made and written to"
    )


def _open(data_dir: Path) -> TextIO:
    try:
        descriptor = os.open(data_dir / "up.json", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unusable_folder(data_dir, error) from None
    return open(descriptor, "r+", encoding="utf-8")
