"""Execution of fields within a bound on the size of the answer."""

from typing import Any

from graphql import GraphQLLeafType
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from core.response_memory import LEAF_BYTES, grow_response


class BoundedExecution(StrawberryGraphQLCoreExecutionContext):
    """Counts each value of an answer; one that does not fit is an error in its place."""

    @staticmethod
    def complete_leaf_value(return_type: GraphQLLeafType, result: Any) -> Any:
        value = StrawberryGraphQLCoreExecutionContext.complete_leaf_value(return_type, result)
        size = LEAF_BYTES
        if isinstance(value, str):
            size += len(value) if value.isascii() else 3 * len(value)
        grow_response(size)
        return value
