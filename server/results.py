"""Results of operations as clients get them, whatever the transport."""

from typing import Any

from strawberry.types import ExecutionResult


def result_body(result: ExecutionResult) -> dict[str, Any]:
    """As in the specification's section on the response format: no data if nothing ran."""
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [error.formatted for error in result.errors]
    if not is_request_error(result):
        body["data"] = result.data
    if result.extensions:
        body["extensions"] = result.extensions
    return body


def is_request_error(result: ExecutionResult) -> bool:
    """Whether the operation as a whole failed, outside of any field."""
    return result.data is None and all(error.path is None for error in result.errors or ())
