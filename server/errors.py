"""Errors as clients see them: codes, safe messages, and a correlation id for the rest."""

import re
from collections.abc import Mapping
from typing import Any

import structlog
from graphql import GraphQLError, VariableDefinitionNode
from strawberry.utils.str_converters import to_camel_case

from core.errors import DomainError, ErrorCode
from core.telemetry import correlation_id

# Codes of Apollo Server for requests that never reach a resolver.
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"
BAD_REQUEST = "BAD_REQUEST"
PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
OPERATION_RESOLUTION_FAILURE = "OPERATION_RESOLUTION_FAILURE"

UNEXPECTED = "Something went wrong on our side."

_ECHOES = re.compile(
    r"(?:,? but encountered error|, found:|; found:|\.? Found:|(?<= value):"
    r"|(?<=found String) |(?<=found BlockString) )"
    r"(?<!invalid value:).*",
    re.DOTALL,
)
"""Parts of messages in which graphql-core repeats a value, which may be a password."""
_NAMED_VALUE = re.compile(r"\bValue '.*' does not exist", re.DOTALL)
_SUGGESTION = re.compile(r" Did you mean .*?\?")

logger = structlog.get_logger()


class RequestRefused(Exception):
    """An HTTP request that is answered before any operation runs."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str = BAD_REQUEST,
        headers: Mapping[str, str] | None = None,
        **extensions: object,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.extensions = {"code": code, **extensions}
        self.headers = headers


def coded(error: GraphQLError, code: str, *, suggestions: bool = True) -> GraphQLError:
    """The error with a code, unless it has one, and without the values that it repeats."""
    if "code" in (error.extensions or {}):
        return error
    message = _NAMED_VALUE.sub("There is no such value", error.message)
    if not suggestions:
        message = _SUGGESTION.sub("", message)
    message = _ECHOES.sub("", message).replace("not to be None", "not to be null")
    if not message.endswith((".", "?")):
        message += "."
    return _rewritten(error, message, {"code": code})


def published(error: GraphQLError, *, suggestions: bool = True) -> GraphQLError:
    """The error as clients may see it; an unexpected one is logged and masked."""
    if "code" in (error.extensions or {}):
        return error
    if error.nodes and isinstance(error.nodes[0], VariableDefinitionNode):
        return coded(error, BAD_USER_INPUT, suggestions=suggestions)
    cause = error.original_error
    if isinstance(cause, DomainError):
        return _rewritten(error, cause.message, _extensions(cause))
    logger.error("unexpected error", path=error.path, exc_info=cause or error)
    return _rewritten(
        error,
        UNEXPECTED,
        {"code": ErrorCode.INTERNAL_SERVER_ERROR, "correlationId": correlation_id.get()},
    )


def _extensions(error: DomainError) -> dict[str, Any]:
    details = {to_camel_case(name): value for name, value in error.details().items()}
    return {"code": error.code, **details}


def _rewritten(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
