"""Log lines as a process writes them."""

import json
import re
import subprocess
import sys
from typing import Any

SCRIPT = """
import logging
import httpx2
import structlog
from core.telemetry import configure_logging, correlation_id

early = structlog.get_logger()
configure_logging("INFO", "{format}")
correlation_id.set("job-1")
early.info("from structlog", count=2)
early.debug("too quiet")
logging.getLogger("a.library").warning("from %s", "a library")
logging.getLogger("strawberry.execution").error("never shown")
logging.getLogger(httpx2.__name__).info("never shown: a line for each request to a provider")
try:
    secret = "swordfish"
    raise RuntimeError("broken")
except RuntimeError:
    early.exception("failed")
"""


def lines(format_: str) -> list[str]:
    return run(SCRIPT.format(format=format_))


def run(script: str) -> list[str]:
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return process.stderr.splitlines()


def test_json_is_one_object_a_line() -> None:
    first, second, third = (json.loads(line) for line in lines("json"))

    assert without_time(first) == {
        "event": "from structlog",
        "count": 2,
        "level": "info",
        "correlation_id": "job-1",
    }
    assert without_time(second) == {
        "event": "from a library",
        "logger": "a.library",
        "level": "warning",
        "correlation_id": "job-1",
    }
    assert third["exception"].endswith("RuntimeError"), "what it says may quote people"


def test_brief_has_warnings_and_a_line_for_each_document() -> None:
    script = """
import logging
import structlog
from core.telemetry import configure_logging

configure_logging("INFO", "brief")
log = structlog.get_logger()
log.info("operation", type="query", ms=1.2)
log.info("ingestion ended", document_id="doc", attempt=1, outcome="ready", seconds=2.345)
log.info("ingestion ended", outcome="failed", seconds=0.12, code="ENCRYPTED")
log.warning("wake-up lost", error="gone")
logging.getLogger("a.library").info("too much")
logging.getLogger("a.library").warning("from a library")
"""
    document, failed, lost, library = run(script)
    assert re.fullmatch(r"\d\d:\d\d:\d\d document ready after 2.3 s *", document)
    assert re.fullmatch(r"\d\d:\d\d:\d\d document failed after 0.1 s +code=ENCRYPTED", failed)
    assert "wake-up lost" in lost
    assert "from a library" in library


def test_tracebacks_show_no_local_variables() -> None:
    for format_ in ("console", "json"):
        text = "\n".join(lines(format_))
        assert "RuntimeError: " not in text, "what an error says may quote people"
        assert "RuntimeError" in text
        assert text.count("swordfish") == text.count('secret = "swordfish"')


def without_time(line: dict[str, Any]) -> dict[str, Any]:
    assert line.pop("timestamp").endswith("Z")
    return line
