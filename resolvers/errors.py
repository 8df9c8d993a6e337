"""Expected failures become members of the field's result union; resolvers need no try."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLUnionType, get_nullable_type
from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension
from strawberry.types import Info

from core.errors import DomainError, NotFound, RateLimited
from schema import errors as members
from services.rate_limit import Activity


class ErrorsAsData(FieldExtension):
    """Maps a `DomainError` to the union member of the same name; the others stay errors.

    Beforehand it counts the mutation as one `activity`, unless its service counts for itself.
    """

    def __init__(self, activity: Activity | None = "write") -> None:
        self._activity = activity

    async def resolve_async(
        self, next_: AsyncExtensionResolver, source: Any, info: Info[Any, Any], **kwargs: Any
    ) -> Any:
        try:
            if self._activity is not None:
                await info.context.admit(self._activity)
            return await next_(source, info, **kwargs)
        except DomainError as error:
            if isinstance(error, RateLimited):
                info.context.tell_to_wait(error)
            name = type(error).__name__
            result = get_nullable_type(info._raw_info.return_type)
            if isinstance(result, GraphQLUnionType) and any(t.name == name for t in result.types):
                return _member(error)
            raise


class NotFoundAsNull(FieldExtension):
    """Makes a nullable field null when what it asks for does not exist for the caller."""

    async def resolve_async(
        self, next_: AsyncExtensionResolver, source: Any, info: Info[Any, Any], **kwargs: Any
    ) -> Any:
        try:
            return await next_(source, info, **kwargs)
        except NotFound:
            return None


def _member(error: DomainError) -> members.Error:
    member: Callable[..., members.Error] = getattr(members, type(error).__name__)
    return member(code=error.code, message=error.message, **error.details())
