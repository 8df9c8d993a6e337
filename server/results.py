"""Bodies of the results of operations, the same for all transports."""

from typing import Any

from strawberry.types import ExecutionResult


def result_body(result: ExecutionResult) -> dict[str, Any]:
    """A result in the specification's response format, without `data` if nothing ran."""
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
