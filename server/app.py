"""The product: its schema and services behind the front door."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from core.principal import Principal
from core.settings import Settings
from core.telemetry import configure_logging, correlation_id
from resolvers.context import Context
from resolvers.schema import build_schema
from server.asgi import build_app, response_memory
from server.execution import BoundedExecution
from server.files import file_routes
from server.operations import Executor
from server.validation import CachedDocuments
from server.web import web_routes
from services.container import Services, open_services


def create_app(settings: Settings) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Services]]:
        async with open_services(settings) as services:
            warming = asyncio.create_task(services.warm_up())
            yield {"services": services}
            warming.cancel()

    schema = build_schema(
        [partial(CachedDocuments, introspection=settings.introspection)], BoundedExecution
    )
    executor = Executor(
        schema,
        _authenticate,
        _new_context,
        introspection=settings.introspection,
        memory=response_memory(settings),
    )
    sdl = schema.as_str() if settings.introspection else None
    routes = [*file_routes(), *web_routes(sdl)]
    return build_app(executor, settings, lifespan=lifespan, routes=routes)


def app_factory() -> Starlette:
    """Make the application for `uvicorn --factory`, with settings from the environment."""
    settings = Settings()
    configure_logging(settings.log_level, settings.log_format)
    return create_app(settings)


async def _authenticate(connection: HTTPConnection, authorization: str | None) -> Principal | None:
    services: Services = connection.state.services
    return await services.authenticate(authorization)


def _new_context(connection: HTTPConnection, principal: Principal | None) -> Context:
    address = connection.client.host if connection.client else None
    return Context(
        connection.state.services,
        principal,
        correlation_id.get() or "",
        address,
        partial(setattr, connection.state, "retry_after"),
    )
