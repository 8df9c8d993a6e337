"""Limits on operations, on request bodies and on the connections of one caller."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from starlette.requests import HTTPConnection, Request
from starlette.types import Message

from core.errors import ErrorCode, RateLimited
from core.ids import MAX_PAGE_SIZE
from core.principal import Principal
from server.errors import RequestRefused

MAX_QUERY_CHARACTERS = 20_000
MAX_TOKENS = 1_000
MAX_DEPTH = 12
MAX_FIELDS = 500
MAX_ALIASES = 15
MAX_REPEATS = 30
"""How often one field may be repeated: validation compares repetitions pairwise."""
MAX_ROOT_FIELDS = {
    OperationType.QUERY: 20,
    OperationType.MUTATION: 4,
    OperationType.SUBSCRIPTION: 1,
}
MAX_COST = 20_000
"""Largest cost of an operation, in objects that are looked up."""
USUAL_SIZE = 5
"""Assumed size of a list that takes no `first`."""
TEXT_COST = {("Page", "text"): 20}
"""Cost of a field that may hold a long text, in objects."""

_INTROSPECTION = frozenset({"__schema", "__type"})


def too_expensive(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": ErrorCode.QUERY_TOO_EXPENSIVE})


@dataclass(slots=True)
class _Weight:
    """Weight of a selection set with its fragments spread."""

    names: set[str] = field(default_factory=set)
    """Response names on the first level of the selection set."""
    width: int = 0
    """Number of fields on the first level."""
    depth: int = 0
    fields: int = 0
    aliases: int = 0
    repeats: int = 0

    def include(self, other: "_Weight") -> None:
        """Add a fragment's fields to this level."""
        self.repeats += other.repeats + len(self.names & other.names)
        self.names |= other.names
        self.width += other.width
        self.fields += other.fields
        self.aliases += other.aliases
        self.depth = max(self.depth, other.depth)


class QueryLimits(ASTValidationRule):
    """Bounds depth, fields, aliases and root fields in time linear to the document.

    A fragment is weighed once and its weight reused at every spread: a chain of fragments that
    each spread the next one twice would otherwise take time exponential in its length. The depth
    of introspection is left to graphql-core's `MaxIntrospectionDepthRule`.
    """

    def enter_document(self, node: DocumentNode, *_: Any) -> None:
        self._fragments: dict[str, _Weight] = {}
        for definition in node.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._check(definition)

    def _check(self, operation: OperationDefinitionNode) -> None:
        weight = self._weigh(operation.selection_set)
        for what, found, limit in (
            ("depth", weight.depth, MAX_DEPTH),
            ("number of fields", weight.fields, MAX_FIELDS),
            ("number of aliases", weight.aliases, MAX_ALIASES),
            ("number of repeated fields", weight.repeats, MAX_REPEATS),
            ("number of root fields", weight.width, MAX_ROOT_FIELDS[operation.operation]),
        ):
            if found > limit:
                self.report_error(too_expensive(f"The operation's {what} is above {limit}."))

    def _weigh(self, selections: SelectionSetNode) -> _Weight:
        total = _Weight()
        for node in selections.selections:
            if isinstance(node, FieldNode):
                total.include(self._weigh_field(node))
            elif isinstance(node, FragmentSpreadNode):
                total.include(self._weigh_fragment(node.name.value))
            elif isinstance(node, InlineFragmentNode):
                total.include(self._weigh(node.selection_set))
        return total

    def _weigh_field(self, node: FieldNode) -> _Weight:
        inner = self._weigh(node.selection_set) if node.selection_set else _Weight()
        return _Weight(
            names={(node.alias or node.name).value},
            width=1,
            depth=1 if node.name.value in _INTROSPECTION else 1 + inner.depth,
            fields=1 + inner.fields,
            aliases=(node.alias is not None) + inner.aliases,
            repeats=inner.repeats,
        )

    def _weigh_fragment(self, name: str) -> _Weight:
        if name not in self._fragments:
            self._fragments[name] = _Weight()  # ends a cycle, which another rule reports
            if fragment := self.context.get_fragment(name):
                self._fragments[name] = self._weigh(fragment.selection_set)
        return self._fragments[name]


def operation_cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> int:
    """Objects that a valid operation can look up: one per field that is no leaf, times `first`,
    or times `USUAL_SIZE` for other lists of objects; and the long texts.

    Needs a document that passed `QueryLimits`, which bounds the walk to `MAX_FIELDS`. The values
    of page sizes are only known with the variables, so this is no validation rule.
    """
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    sizes: dict[str, Any] = {
        definition.variable.name.value: int(definition.default_value.value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }
    sizes.update(variables)

    def page_size(parent: Any, field: GraphQLField, node: FieldNode) -> int:
        if "first" not in field.args:
            of_a_page = parent.name.endswith("Connection")
            is_list = is_list_type(get_nullable_type(field.type)) and not of_a_page
            return USUAL_SIZE if is_list else 1
        size: Any = None
        for argument in node.arguments or ():
            if argument.name.value == "first":
                if isinstance(argument.value, IntValueNode):
                    size = int(argument.value.value)
                elif isinstance(argument.value, VariableNode):
                    size = sizes.get(argument.value.name.value)
        if size is None:  # null stands for the default too
            size = field.args["first"].default_value
        return max(0, min(size, MAX_PAGE_SIZE)) if isinstance(size, int) else MAX_PAGE_SIZE

    def cost(selections: SelectionSetNode, parent: Any) -> int:
        total = 0
        for node in selections.selections:
            if isinstance(node, FragmentSpreadNode):
                fragment = fragments[node.name.value]
                condition = schema.get_type(fragment.type_condition.name.value)
                total += cost(fragment.selection_set, condition)
            elif isinstance(node, InlineFragmentNode):
                named = node.type_condition
                condition = schema.get_type(named.name.value) if named else parent
                total += cost(node.selection_set, condition)
            elif isinstance(node, FieldNode) and not node.selection_set:
                total += TEXT_COST.get((parent.name, node.name.value), 0)
            elif isinstance(node, FieldNode) and node.selection_set:
                if node.name.value not in _INTROSPECTION:
                    field = parent.fields[node.name.value]
                    inner = cost(node.selection_set, get_named_type(field.type))
                    total += 1 + page_size(parent, field, node) * inner
        return total

    return cost(operation.selection_set, schema.get_root_type(operation.operation))


def limit_body(request: Request, max_bytes: int) -> Request:
    """The request, refused (413) as soon as its body is known to be longer than `max_bytes`."""
    refusal = RequestRefused(413, f"The request's body is longer than {max_bytes} bytes.")
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise refusal
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise refusal
        return message

    return Request(request.scope, receive)


def caller(connection: HTTPConnection, principal: Principal | None) -> object:
    """The key to count a connection under: the user, or the address of an anonymous client."""
    if principal is not None:
        return principal.user_id
    return connection.client.host if connection.client else None


class ConnectionCap:
    """Counts the long-lived connections of each caller in this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[object] = Counter()

    @contextmanager
    def hold(self, caller: object) -> Iterator[None]:
        """Count a connection while the block runs. Raises `RateLimited` at the limit."""
        if self._open[caller] >= self._limit:
            raise RateLimited("Too many open connections.", retry_after=1)
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]
