"""The prompt of `lectern demo`, on a terminal and on a pipe."""

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable

SCRIPT = """
import asyncio
from cli.demo import _next_line

async def ask_twice():
    print("typed:", [_next_line(), _next_line()])

asyncio.run(ask_twice())
"""
SILENT_SECONDS = 30
COMMAND = [sys.executable, "-c", SCRIPT]


def read_until(terminal: int, end: bytes, nudge: Callable[[], object] = lambda: None) -> bytes:
    """`nudge` is called whenever nothing has come for a second."""
    text = b""
    for _ in range(SILENT_SECONDS):
        while select.select([terminal], [], [], 1)[0]:
            text += os.read(terminal, 1)
            if text.endswith(end):
                return text
        nudge()
    raise AssertionError(text)


def test_one_ctrl_c_ends_it_although_an_event_loop_runs() -> None:
    terminal, inner = pty.openpty()
    with subprocess.Popen(COMMAND, stdin=inner, stdout=inner, stderr=inner) as process:
        os.close(inner)
        read_until(terminal, b"> ")
        os.write(terminal, "Où pendent les chaînes ?\n".encode())
        read_until(terminal, b"> ")
        # The line editor misses a signal that comes between its prompt and its waiting.
        process.send_signal(signal.SIGINT)
        last = read_until(terminal, b"]\r\n", lambda: process.send_signal(signal.SIGINT))
        assert process.wait() == 0
    os.close(terminal)
    assert "typed: ['Où pendent les chaînes ?', '']" in last.decode()


def test_a_pipe_is_read_line_by_line_without_a_prompt() -> None:
    done = subprocess.run(COMMAND, input="one\n", capture_output=True, text=True, check=True)
    assert done.stdout == "typed: ['one', '']\n"
    assert done.stderr == ""
