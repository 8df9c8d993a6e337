import pytest

from core.errors import ErrorCode, ProviderUnavailable
from providers import breaker
from providers.breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(breaker, "time", clock)
    return clock


@pytest.fixture
def circuit(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(
        ErrorCode.LLM_UNAVAILABLE, "down", (ConnectionError,), threshold=2, cooldown=10
    )


def fail(circuit: CircuitBreaker, error: Exception) -> None:
    with pytest.raises(type(error)), circuit.guard():
        raise error


def assert_open(circuit: CircuitBreaker) -> None:
    with pytest.raises(ProviderUnavailable) as caught, circuit.guard():
        pytest.fail("the call went through")
    assert caught.value.code is ErrorCode.LLM_UNAVAILABLE


def test_opens_after_failures_in_a_row(circuit: CircuitBreaker) -> None:
    fail(circuit, ConnectionResetError())
    fail(circuit, ConnectionResetError())
    assert_open(circuit)


def test_success_in_between_keeps_it_closed(circuit: CircuitBreaker) -> None:
    fail(circuit, ConnectionResetError())
    with circuit.guard():
        pass
    fail(circuit, ConnectionResetError())
    with circuit.guard():
        pass


def test_refused_request_shows_that_the_provider_answers(circuit: CircuitBreaker) -> None:
    fail(circuit, ConnectionResetError())
    fail(circuit, ValueError())
    fail(circuit, ConnectionResetError())
    with circuit.guard():
        pass


def test_one_call_tries_again_after_the_cooldown(circuit: CircuitBreaker, clock: Clock) -> None:
    fail(circuit, ConnectionResetError())
    fail(circuit, ConnectionResetError())
    clock.now += 10

    with circuit.guard():
        assert_open(circuit)
    with circuit.guard():
        pass


def test_failed_trial_opens_it_for_another_cooldown(circuit: CircuitBreaker, clock: Clock) -> None:
    fail(circuit, ConnectionResetError())
    fail(circuit, ConnectionResetError())
    clock.now += 10
    fail(circuit, ConnectionResetError())
    clock.now += 9
    assert_open(circuit)
