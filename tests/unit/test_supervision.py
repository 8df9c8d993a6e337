"""Child processes of `lectern up`, and when a part is started again."""

import os
import signal
from io import StringIO

import pytest
from rich.console import Console

from cli import children
from cli.children import Child, Supervised
from cli.embedded import EmbeddedServerError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(children, "time", clock)
    return clock


class Lamp:
    """A part that goes out at once, or does not even start."""

    name = "lamp"

    def __init__(self) -> None:
        self.starts = 0
        self.burns = False
        self.is_broken = False

    def start(self) -> None:
        self.starts += 1
        if self.is_broken:
            raise EmbeddedServerError("lamp did not start: no oil")

    def is_running(self) -> bool:
        return self.burns


def console() -> Console:
    return Console(file=StringIO(), width=100)


def test_pauses_between_starts_double_up_to_half_a_minute(clock: Clock) -> None:
    lamp, begun = Lamp(), clock.now
    supervised = Supervised(lamp)
    starts = []
    while clock.now < begun + 120:
        before = lamp.starts
        supervised.tend(console())
        if lamp.starts > before:
            starts.append(clock.now - begun)
        clock.now += 0.5
    assert starts == [0, 1, 3, 7, 15, 31, 61, 91]


def test_after_a_steady_life_the_pauses_begin_anew(clock: Clock) -> None:
    lamp = Lamp()
    supervised = Supervised(lamp)
    for _ in range(100):
        supervised.tend(console())
        clock.now += 1
    lamp.burns = True
    supervised.tend(console())
    clock.now += children.STEADY_SECONDS + children.LONGEST_PAUSE_SECONDS
    lamp.burns = False
    before = lamp.starts
    supervised.tend(console())
    clock.now += 1
    supervised.tend(console())
    assert lamp.starts == before + 2


def test_what_ended_is_named_and_a_server_that_does_not_start_is_tried_again(clock: Clock) -> None:
    lamp, output = Lamp(), StringIO()
    supervised = Supervised(lamp)
    lamp.is_broken = True
    supervised.tend(Console(file=output, width=100))
    assert output.getvalue().splitlines() == [
        "lamp has ended and is started again",
        "lamp did not start: no oil",
    ]
    lamp.is_broken = False
    clock.now += 1
    supervised.tend(console())
    assert lamp.starts == 2


def test_what_runs_is_left_alone(clock: Clock) -> None:
    lamp = Lamp()
    lamp.burns = True
    supervised = Supervised(lamp)
    clock.now += 1000
    supervised.tend(console())
    assert lamp.starts == 0


def test_a_child_that_does_not_end_in_time_is_killed() -> None:
    child = Child("export-schema", environment=os.environ, stop_seconds=0.1)
    child.stop()  # before it was started
    assert not child.is_running()
    usual = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which a child inherits
    try:
        child.start()
    finally:
        signal.signal(signal.SIGTERM, usual)
    assert child.process is not None
    child.process.send_signal(signal.SIGSTOP)
    assert child.is_running()
    child.stop()
    assert child.process.returncode == -signal.SIGKILL
    assert not child.is_running()


def test_a_child_that_is_asked_ends_by_itself() -> None:
    child = Child("export-schema", environment=os.environ, stop_seconds=60)
    child.start()
    child.ask_to_stop()
    child.stop()
    assert child.process is not None
    assert child.process.returncode != -signal.SIGKILL
