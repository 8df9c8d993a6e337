"""Arguments with a default: null stands for it, as leaving the argument out does."""

from typing import Annotated, Any

import strawberry
from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension
from strawberry.types import Info

OptionalInt = Annotated[int, strawberry.argument(graphql_type=int | None)]
OptionalBool = Annotated[bool, strawberry.argument(graphql_type=bool | None)]
"""Nullable for clients; with `NullIsDefault` on the field its resolver never sees the null."""


class NullIsDefault(FieldExtension):
    """Leaves nulls out, so that the defaults of the resolver's own parameters hold."""

    def resolve_async(  # not async itself: a subscription's resolver is awaited by nobody
        self, next_: AsyncExtensionResolver, source: Any, info: Info[Any, Any], **kwargs: Any
    ) -> Any:
        given = {name: value for name, value in kwargs.items() if value is not None}
        return next_(source, info, **given)
