"""Execution of operations for every transport, with limits, masking, metrics and logs."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import strawberry
import structlog
from graphql import GraphQLError, OperationDefinitionNode, OperationType
from starlette.requests import HTTPConnection
from strawberry.types import ExecutionResult

from core.errors import ErrorCode
from core.principal import Principal
from core.response_memory import ResponseMemory, held_response
from core.telemetry import OPERATION_SECONDS, OPERATIONS, SUBSCRIPTIONS
from server.errors import OPERATION_RESOLUTION_FAILURE, published
from server.limits import MAX_COST, caller, operation_cost, too_expensive
from server.validation import load

Authenticate = Callable[[HTTPConnection, str | None], Awaitable[Principal | None]]
"""Finds the caller of a connection by its Authorization value; raises `Unauthenticated`."""
NewContext = Callable[[HTTPConnection, Principal | None], object]
"""Makes what resolvers find in `info.context`; called for every operation."""

PUBLIC_FIELDS = frozenset(
    ("__typename", "__schema", "__type", "register", "login", "refreshSession")
)

ANSWER_FIELDS = frozenset(("chat", "answer"))
"""Subscriptions that carry an answer and end with it."""

logger = structlog.get_logger()


class PersistedQueryNotSupported(ValueError):
    """A hash was sent in place of a query; told so, clients send the query."""


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """The parameters that GraphQL over HTTP and over websockets share."""

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, parameters: object) -> "OperationRequest":
        """Raises `ValueError` with a message for the client."""
        if not isinstance(parameters, dict):
            raise ValueError("A GraphQL request is one JSON object.")
        query = parameters.get("query")
        if query is None and _is_persisted(parameters.get("extensions")):
            raise PersistedQueryNotSupported("`query` must be a string.")
        if not isinstance(query, str):
            raise ValueError("`query` must be a string.")
        operation_name = parameters.get("operationName")
        if not isinstance(operation_name, str | None):
            raise ValueError("`operationName` must be a string or null.")
        variables = parameters.get("variables")
        if not isinstance(variables, dict | None):
            raise ValueError("`variables` must be an object or null.")
        extensions = parameters.get("extensions")
        if not isinstance(extensions, dict | None):
            raise ValueError("`extensions` must be an object or null.")
        return cls(query, operation_name or None, variables or {}, extensions or {})


@dataclass(frozen=True, slots=True)
class Operation:
    """A request with its parsed and validated document; with `errors` it does not run."""

    request: OperationRequest
    node: OperationDefinitionNode | None
    errors: list[GraphQLError]
    root_fields: frozenset[str] = frozenset()

    @property
    def type(self) -> OperationType | None:
        return self.node.operation if self.node else None

    @property
    def is_public(self) -> bool:
        """Whether the operation needs no user: it logs in, reads the schema, or cannot run."""
        return self.root_fields <= PUBLIC_FIELDS

    @property
    def carries_answer(self) -> bool:
        return not self.root_fields.isdisjoint(ANSWER_FIELDS)


class Executor:
    def __init__(
        self,
        schema: strawberry.Schema,
        authenticate: Authenticate,
        new_context: NewContext,
        *,
        introspection: bool = True,
        memory: ResponseMemory,
    ) -> None:
        self.authenticate = authenticate
        self._schema = schema
        self._new_context = new_context
        self._introspection = introspection
        self._memory = memory

    def prepare(self, request: OperationRequest) -> Operation:
        schema = self._schema._schema
        try:
            document = load(schema, request.query, introspection=self._introspection)
        except GraphQLError as error:
            return Operation(request, None, [error])
        node = document.operation(request.operation_name)
        if document.errors:
            return Operation(request, node, document.errors)
        if node is None:
            unknown = GraphQLError(
                "The document has no single operation of this name.",
                extensions={"code": OPERATION_RESOLUTION_FAILURE},
            )
            return Operation(request, None, [unknown])
        if operation_cost(schema, document.ast, node, request.variables) > MAX_COST:
            costly = too_expensive(f"The operation may look up more than {MAX_COST} objects.")
            return Operation(request, node, [costly])
        return Operation(request, node, [], frozenset(document.root_fields(node)))

    async def run(
        self, operation: Operation, connection: HTTPConnection, principal: Principal | None
    ) -> AsyncGenerator[ExecutionResult, None]:
        """Yield one result of a query or mutation, any number of a subscription, errors masked.

        Read it to its end or close it; closing is recorded as the operation's cancellation. Each
        result counts as held in memory until the next one is asked for: send it before.
        """
        with (
            _recorded(operation, principal) as errors,
            self._memory.hold(caller(connection, principal)) as held,
        ):
            if operation.errors:
                errors += operation.errors
                yield ExecutionResult(data=None, errors=operation.errors)
                return
            held_response.set(held)
            results = await self._schema.stream(
                operation.request.query,
                variable_values=operation.request.variables,
                context_value=self._new_context(connection, principal),
                operation_name=operation.request.operation_name,
                operation_extensions=operation.request.extensions,
            )
            if operation.type is not OperationType.SUBSCRIPTION:
                # To its end before it is sent, while whoever asked may still go away.
                [result] = [result async for result in results]
                yield self._published(result, errors)
                return
            async with aclosing(results):
                async for result in results:
                    yield self._published(result, errors)
                    held.release()

    def _published(self, result: object, errors: list[GraphQLError]) -> ExecutionResult:
        assert isinstance(result, ExecutionResult)
        result.errors = [
            published(error, suggestions=self._introspection) for error in result.errors or ()
        ]
        errors += result.errors
        return result


@contextmanager
def _recorded(operation: Operation, principal: Principal | None) -> Iterator[list[GraphQLError]]:
    """Count, time and log an operation; the body puts its errors into the list."""
    errors: list[GraphQLError] = []
    type_ = operation.type.value if operation.type else "unknown"
    subscription = operation.type is OperationType.SUBSCRIPTION
    outcome = "cancelled"
    started = perf_counter()
    if subscription:
        SUBSCRIPTIONS.inc()
    try:
        yield errors
        outcome = _outcome(operation, errors)
    finally:
        seconds = perf_counter() - started
        OPERATIONS.labels(type_, outcome).inc()
        if subscription:
            SUBSCRIPTIONS.dec()
        else:
            OPERATION_SECONDS.labels(type_, outcome).observe(seconds)
        logger.info(
            "operation",
            type=type_,
            name=_name(operation)[:100],
            outcome=outcome,
            ms=round(seconds * 1000, 2),
            user_id=str(principal.user_id) if principal else None,
        )


def _outcome(operation: Operation, errors: list[GraphQLError]) -> str:
    if operation.errors:
        return "rejected"
    codes = {(error.extensions or {}).get("code") for error in errors}
    if ErrorCode.INTERNAL_SERVER_ERROR in codes:
        return "fault"
    return "error" if codes else "ok"


def _is_persisted(extensions: object) -> bool:
    return isinstance(extensions, dict) and "persistedQuery" in extensions


def _name(operation: Operation) -> str:
    return operation.node.name.value if operation.node and operation.node.name else ""
