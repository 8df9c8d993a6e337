"""The executable schema, built of its three roots."""

from collections.abc import Callable, Iterable

import strawberry
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from resolvers.mutation import Mutation
from resolvers.query import Query
from resolvers.subscription import Subscription
from schema.accounts import ApiKey, User
from schema.chat import Conversation, Message
from schema.documents import Document
from schema.errors import Error
from schema.scalars import SCALARS


def build_schema(
    extensions: Iterable[type[SchemaExtension] | Callable[[], SchemaExtension]] = (),
    execution: type[StrawberryGraphQLCoreExecutionContext] | None = None,
) -> strawberry.Schema:
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[ApiKey, User, Conversation, Message, Document, Error],
        extensions=list(extensions),
        execution_context_class=execution,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
