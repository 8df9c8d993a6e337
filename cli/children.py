"""Child processes and the care for them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console

from cli.embedded import EmbeddedServerError
from cli.parent_death import tethered

LONGEST_PAUSE_SECONDS = 30
STEADY_SECONDS = 60
"""After so long a life a part's pauses begin anew."""


def lectern_command(*arguments: str) -> list[str]:
    """`-P`: folders named like our packages where the user stands must not count."""
    return tethered([sys.executable, "-P", "-m", "cli.main", *arguments], signal.SIGTERM)


class Child:
    """A `lectern` command as a process of its own."""

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        stop_seconds: float,
        inherit: Sequence[int] = (),
    ) -> None:
        self.name = arguments[0]
        self.process: subprocess.Popen[bytes] | None = None
        self._arguments = arguments
        self._environment = environment
        self._stop_seconds = stop_seconds
        self._inherit = inherit

    def start(self) -> None:
        self.process = subprocess.Popen(
            lectern_command(*self._arguments),
            stdin=subprocess.DEVNULL,
            env=self._environment,
            pass_fds=self._inherit,
            start_new_session=True,
        )

    def ask_to_stop(self) -> None:
        if self.process is not None:
            self.process.terminate()

    def stop(self) -> None:
        """Whoever does not end in time is killed together with its own children."""
        if self.process is None:
            return
        self.ask_to_stop()
        try:
            self.process.wait(self._stop_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Part(Protocol):
    name: str

    def start(self) -> None: ...

    def is_running(self) -> bool: ...


class Supervised:
    """Starts a part again when it has ended, after pauses that double."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._pause = 1.0
        self._started = time.monotonic()
        self._earliest_start = 0.0

    def tend(self, console: Console) -> None:
        now = time.monotonic()
        if self._part.is_running() or now < self._earliest_start:
            return
        if now - self._started > STEADY_SECONDS:
            self._pause = 1.0
        console.print(f"[yellow]{self._part.name} has ended and is started again")
        try:
            self._part.start()
        except EmbeddedServerError as error:
            console.print(f"[red]{error}")
        self._started = time.monotonic()
        self._earliest_start = self._started + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
