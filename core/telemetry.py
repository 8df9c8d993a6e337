"""Structured logs, correlation ids and metrics, shared by the server and the workers."""

import errno
import logging
import re
import sys
import traceback
from contextvars import ContextVar
from uuid import uuid4

import structlog
from prometheus_client import Counter, Gauge, Histogram
from structlog.typing import EventDict, Processor, WrappedLogger

from core.settings import LogFormat

correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)
"""Id of the request, operation or job that is running, for log lines and masked errors."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LONG_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

HTTP_RESPONSES = Counter("lectern_http_responses", "HTTP responses.", ["status"])
OPERATIONS = Counter("lectern_operations", "GraphQL operations that ended.", ["type", "outcome"])
OPERATION_SECONDS = Histogram(
    "lectern_operation_seconds",
    "Time of GraphQL queries and mutations.",
    ["type", "outcome"],
    buckets=SECONDS,
)
CONNECTIONS_REFUSED = Counter(
    "lectern_connections_refused", "Connections that were ended, by what was too much.", ["what"]
)
RATE_LIMITED = Counter(
    "lectern_rate_limited", "Tries beyond a rate limit, by what was tried.", ["what"]
)
OVERLOADED = Counter("lectern_overloaded", "What was refused for want of capacity.", ["what"])
LOOP_LAG = Gauge("lectern_loop_lag_seconds", "How late the event loop comes round.")
WEBSOCKETS = Gauge("lectern_websockets_open", "Open websockets.")
SUBSCRIPTIONS = Gauge("lectern_subscriptions_active", "Running GraphQL subscriptions.")
TASKS = Gauge("lectern_asyncio_tasks", "Tasks of the event loop.")
CONNECTIONS = Gauge("lectern_database_connections_in_use", "Connections taken from the pool.")
CHANNELS = Gauge("lectern_hint_channels", "Subjects of which live hints are heard.")
WRITING = Gauge("lectern_answers_writing", "Answers being written by this process.")

JOBS = Counter("lectern_jobs", "Ingestion jobs that ended.", ["outcome"])
JOB_SECONDS = Histogram(
    "lectern_job_seconds", "Time of ingestion jobs.", ["outcome"], buckets=LONG_SECONDS
)
CONFINEMENT = Gauge("lectern_confinement", "1 for a wall around parsers that holds.", ["wall"])
ANSWERS = Counter("lectern_answers", "Answers that ended.", ["outcome"])
ANSWER_SECONDS = Histogram("lectern_answer_seconds", "Time of whole answers.", buckets=LONG_SECONDS)
FIRST_DELTA_SECONDS = Histogram(
    "lectern_answer_first_delta_seconds",
    "Time from the question to the answer's first words.",
    buckets=SECONDS,
)


BRIEF = {"ingestion ended": "document {outcome} after {seconds:.1f} s"}
"""Log events below a warning that the format `brief` shows, and how it words them."""


_CODE = re.compile(r"[A-Za-z0-9_]{1,64}")


def describe(error: BaseException | None) -> str:
    """Kind and codes of an error. Its message is left out: it may quote what people sent."""
    if error is None:
        return "none"
    words = [f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")]
    if isinstance(error, OSError) and error.errno is not None:
        words.append(errno.errorcode.get(error.errno, str(error.errno)))
    for name in ("code", "sqlstate", "constraint_name", "status_code"):
        value = getattr(error, name, None)
        if isinstance(value, int) or (isinstance(value, str) and _CODE.fullmatch(value)):
            words.append(f"{name}={value}")
    return " ".join(words)


def traceback_of(error: BaseException) -> str:
    """Where an error and what led to it were raised; of each its kind alone."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    parts = [traceback_of(before), "then\n"] if before is not None else []
    parts += traceback.format_tb(error.__traceback__)
    if isinstance(error, BaseExceptionGroup):
        parts += [f"of a group: {traceback_of(one)}\n" for one in error.exceptions]
    return "".join([*parts, describe(error)])


def new_correlation_id() -> str:
    return uuid4().hex


def configure_logging(level: str, format_: LogFormat) -> None:
    """Send structlog's lines and the standard library's to stderr as one stream."""
    brief = format_ == "brief"
    shared: list[Processor] = [
        _shorten_traceback,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _shorten if brief else _add_correlation_id,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if brief else "iso", utc=not brief),
    ]
    renderers = _renderers(format_)
    structlog.configure(
        processors=[*shared, *renderers],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    handler.addFilter(first_line)
    logging.basicConfig(level="WARNING" if brief else level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "httpx2", "httpcore2", "uvicorn.error", "arq.worker"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It logs every GraphQL error, expected or not; the server logs those that matter itself.
    logging.getLogger("strawberry").setLevel(logging.CRITICAL)


def _renderers(format_: LogFormat) -> list[Processor]:
    if format_ == "json":
        return [structlog.processors.JSONRenderer()]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def first_line(record: logging.LogRecord) -> bool:
    """Of what libraries log keep the first line: asyncio lists tasks and their errors below it."""
    record.msg, record.args = record.getMessage().partition("\n")[0], None
    return True


def _shorten_traceback(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Neither messages nor local variables: those hold passwords, prompts and documents."""
    given = event.pop("exc_info", None)
    if isinstance(given, tuple):
        given = given[1]
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if error is not None:
        event["exception"] = traceback_of(error)
    return event


def _add_correlation_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if (current := correlation_id.get()) is not None:
        event["correlation_id"] = current
    return event


def _shorten(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if event["level"] not in ("debug", "info"):
        return event
    if event["event"] not in BRIEF:
        raise structlog.DropEvent
    code = {"code": event["code"]} if "code" in event else {}
    return {"event": BRIEF[event["event"]].format_map(event), **code}
