"""Who one is, and how one proves it."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import strawberry

from schema.errors import (
    EmailTaken,
    Forbidden,
    InvalidCredentials,
    InvalidInput,
    InvalidRefreshToken,
    NotFound,
    QuotaExceeded,
    RateLimited,
)
from schema.nodes import Node


@strawberry.enum(description="What one may do.")
class Role(StrEnum):
    USER = "USER"
    ADMIN = "ADMIN"


@strawberry.type(description="Somebody with an account.")
class User(Node):
    id: strawberry.ID
    email: str
    name: str | None
    role: Role
    created_at: datetime


@strawberry.type(description="Proof of identity.")
class Session:
    access_token: str = strawberry.field(
        description="Goes into the header `Authorization: Bearer <access token>`."
    )
    access_token_expires_at: datetime
    refresh_token: str = strawberry.field(
        description="Buys the next session, once; keep it where scripts of others cannot read it."
    )
    user: User


@strawberry.type(description="A long-lived credential for programs, without its secret.")
class ApiKey(Node):
    id: strawberry.ID
    name: str
    created_at: datetime
    expires_at: datetime | None = strawberry.field(description="Null: never.")
    revoked_at: datetime | None


@strawberry.type
class CreatedApiKey:
    api_key: ApiKey
    secret: str = strawberry.field(description="Shown this once; used like an access token.")


@strawberry.type
class RevokedApiKey:
    api_key: ApiKey


@strawberry.type
class LogoutResult:
    everywhere: bool = strawberry.field(description="Every session has ended, not only this one.")


@strawberry.type(description="The account is gone, with everything that was in it.")
class DeletedAccount:
    id: strawberry.ID


@strawberry.type(
    description="What your answers took in this calendar month (UTC), those since deleted included."
)
class MonthlyUsage:
    starts_at: datetime
    ends_at: datetime = strawberry.field(description="From then on counting begins anew.")
    answer_count: int
    prompt_tokens: float = strawberry.field(description="Whole tokens; may exceed 32 bits.")
    completion_tokens: float
    token_limit: float | None = strawberry.field(
        description="Of both kinds together; null: none. Beyond it answers quote your documents, "
        "without the language model."
    )
    cost: Decimal = strawberry.field(description="In the server's currency, to a millionth.")


@strawberry.type(description="How much of one's quota is used.")
class Usage:
    document_count: int
    document_limit: int
    stored_bytes: float = strawberry.field(description="Whole bytes; may exceed 32 bits.")
    stored_bytes_limit: float
    answers_today: int = strawberry.field(description="Since midnight UTC.")
    daily_answer_limit: int | None = strawberry.field(description="Null: none.")
    month: MonthlyUsage


@strawberry.input
class RegisterInput:
    email: str
    password: str = strawberry.field(description="10 to 256 characters.")
    name: str | None = None


@strawberry.input
class LoginInput:
    email: str
    password: str


@strawberry.input
class CreateApiKeyInput:
    name: str = strawberry.field(description="1 to 100 characters, for you to recognise it by.")
    expires_at: datetime | None = strawberry.field(default=None, description="Null: never.")


RegisterResult = Annotated[
    Session | EmailTaken | InvalidInput | RateLimited, strawberry.union("RegisterResult")
]
LoginResult = Annotated[Session | InvalidCredentials | RateLimited, strawberry.union("LoginResult")]
RefreshSessionResult = Annotated[
    Session | InvalidRefreshToken | RateLimited, strawberry.union("RefreshSessionResult")
]
CreateApiKeyResult = Annotated[
    CreatedApiKey | InvalidInput | QuotaExceeded | Forbidden | RateLimited,
    strawberry.union("CreateApiKeyResult"),
]
RevokeApiKeyResult = Annotated[
    RevokedApiKey | NotFound | RateLimited, strawberry.union("RevokeApiKeyResult")
]
DeleteAccountResult = Annotated[
    DeletedAccount | InvalidCredentials | RateLimited, strawberry.union("DeleteAccountResult")
]
