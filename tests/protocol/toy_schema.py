"""A small schema with one field for each way an operation can go."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast
from uuid import UUID

import strawberry
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import HTTPConnection
from strawberry.file_uploads import Upload
from strawberry.scalars import JSON
from strawberry.types import Info

from core.errors import NotFound, RateLimited, Unauthenticated
from core.principal import Principal
from core.settings import Settings
from core.telemetry import correlation_id
from server.asgi import build_app, response_memory
from server.execution import BoundedExecution
from server.operations import Executor
from server.validation import CachedDocuments

ALICE = UUID(int=1)
BOB = UUID(int=2)
SECRET = "the password of the database"


@dataclass
class Context:
    principal: Principal | None
    request_id: str | None
    loaded: list[str] = field(default_factory=list)


@strawberry.type
class Thing:
    number: int = 1

    @strawberry.field
    def self_(self) -> "Thing":
        return self

    @strawberry.field
    def things(self, first: int = 20) -> list["Thing"]:
        return [Thing(number=number) for number in range(first)]


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "hello"

    @strawberry.field
    def id(self, id: strawberry.ID) -> strawberry.ID:
        return id

    @strawberry.field
    def echo(self, text: str) -> str:
        return text

    @strawberry.field
    def double(self, number: int) -> int:
        return 2 * number

    @strawberry.field
    def thing(self) -> Thing:
        return Thing()

    @strawberry.field
    def things(self, first: int = 20) -> list[Thing]:
        return [Thing(number=number) for number in range(first)]

    @strawberry.field
    def user(self, info: Info[Context, None]) -> str | None:
        principal = info.context.principal
        return str(principal.user_id) if principal else None

    @strawberry.field
    def private(self, info: Info[Context, None]) -> str | None:
        if info.context.principal is None:
            raise Unauthenticated("Sign in first.")
        return "private"

    @strawberry.field
    def missing(self) -> str | None:
        raise NotFound("There is nothing with this id.")

    @strawberry.field
    def limited(self) -> str | None:
        raise RateLimited("Not so fast.", retry_after=3.5)

    @strawberry.field
    def fault(self) -> str | None:
        raise RuntimeError(SECRET)

    @strawberry.field
    def unencodable(self) -> JSON:
        return cast(JSON, object())

    @strawberry.field
    def load(self, info: Info[Context, None], key: str) -> list[str]:
        info.context.loaded.append(key)
        return info.context.loaded

    @strawberry.field
    def request_id(self, info: Info[Context, None]) -> str | None:
        return info.context.request_id


@strawberry.type
class Mutation:
    @strawberry.mutation
    def change(self) -> bool:
        return True

    @strawberry.mutation
    async def upload(self, file: Upload) -> str:
        return await _describe(cast(UploadFile, file))

    @strawberry.mutation
    async def upload_all(self, files: list[Upload]) -> list[str]:
        return [await _describe(cast(UploadFile, file)) for file in files]


async def _describe(file: UploadFile) -> str:
    size = 0
    while chunk := await file.read(64 * 1024):
        size += len(chunk)
    await file.seek(0)
    return f"{file.filename} {size}"


class Ticks:
    """Counts the endless subscriptions that have not run their clean-up to its end."""

    open = 0
    cleaning = 0


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number

    @strawberry.subscription
    async def ticks(self) -> AsyncGenerator[int, None]:
        Ticks.open += 1
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            Ticks.cleaning += 1
            try:
                await asyncio.sleep(0.05)  # as an unsubscription would
                Ticks.open -= 1
            finally:
                Ticks.cleaning -= 1

    @strawberry.subscription
    async def flood(self) -> AsyncGenerator[str, None]:
        while True:
            yield "x" * 10_000

    @strawberry.subscription
    async def missing(self) -> AsyncGenerator[int, None]:
        raise NotFound("There is nothing with this id.")
        yield 0

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int, None]:
        yield 0
        raise RuntimeError(SECRET)


def _signed_in(user_id: UUID, lifetime: timedelta | None) -> Principal:
    expires_at = datetime.now(UTC) + lifetime if lifetime else None
    return Principal(user_id=user_id, role="user", session_id=None, expires_at=expires_at)


async def authenticate(_: HTTPConnection, authorization: str | None) -> Principal | None:
    match authorization:
        case None:
            return None
        case "Bearer alice":
            return _signed_in(ALICE, timedelta(minutes=15))
        case "Bearer bob":
            return _signed_in(BOB, None)
        case "Bearer brief":
            return _signed_in(ALICE, timedelta(seconds=0.2))
    raise Unauthenticated("The access token is not valid.")


def new_context(_: HTTPConnection, principal: Principal | None) -> Context:
    return Context(principal, correlation_id.get())


def toy_settings(**changes: object) -> Settings:
    return Settings(_env_file=None, port=0, **changes)  # type: ignore[arg-type]


class Parts:
    """Stands where the services of the product do."""

    def __init__(self) -> None:
        self.faults: dict[str, str | None] = {"database": None, "redis": None}

    async def ready(self) -> dict[str, str | None]:
        return self.faults


PARTS = Parts()


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Parts]]:
    yield {"services": PARTS}


def toy_app(settings: Settings) -> Starlette:
    introspection = settings.introspection
    schema = strawberry.Schema(
        Query,
        Mutation,
        Subscription,
        extensions=[partial(CachedDocuments, introspection=introspection)],
        execution_context_class=BoundedExecution,
    )
    executor = Executor(
        schema,
        authenticate,
        new_context,
        introspection=introspection,
        memory=response_memory(settings),
    )
    return build_app(executor, settings, lifespan=lifespan)
