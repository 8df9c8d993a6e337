"""The services of a process, which open and close together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from core.errors import DomainError
from core.language import detect_language
from core.periodic import in_background
from core.principal import Principal
from core.settings import Settings
from core.telemetry import CHANNELS, CONNECTIONS, TASKS, WRITING, describe
from core.tokens import TokenSigner
from db.engine import Database
from db.health import check_revision
from providers.answering.extractive import ExtractiveAnswerer
from providers.answering.factory import open_answerer
from providers.embedding import Embedder
from providers.embedding.factory import open_embedder
from providers.reranking.http import open_reranker
from providers.storage import Storage, open_storage
from services.accounts import Accounts
from services.admission import Admission
from services.chat.answer_log import AnswerTail
from services.chat.chat import Chat
from services.chat.generation import AnswerGenerator
from services.chat.leases import Leases
from services.chat.sweeper import SWEEP_SECONDS, AnswerSweeper
from services.conversations import Conversations
from services.documents import Documents
from services.downloads import Downloads
from services.hints import Hints
from services.queue import Queue, open_redis
from services.quotas import Prices, Quota, Quotas
from services.rate_limit import Counters, RateLimit, RateLimits
from services.redis import Redis
from services.retrieval import Retrieval
from services.uploads import Uploads

logger = structlog.get_logger()
READY_SECONDS = 3
LOGIN_TRIES, LOGIN_WINDOW_SECONDS = 10, 300
"""How often one account may fail to log in, from anywhere, until a success."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the API offers; workers use the parts they need."""

    database: Database
    redis: Redis
    storage: Storage
    embedder: Embedder
    hints: Hints
    queue: Queue
    accounts: Accounts
    documents: Documents
    uploads: Uploads
    downloads: Downloads
    retrieval: Retrieval
    conversations: Conversations
    chat: Chat
    quotas: Quotas
    rates: RateLimits
    admission: Admission

    async def authenticate(self, authorization: str | None) -> Principal | None:
        """Raises `Unauthenticated`."""
        return await self.accounts.authenticate(authorization)

    async def warm_up(self) -> None:
        """Load the models that the first question would wait for."""
        try:
            await self.embedder.embed_query("Is anybody there?")
        except DomainError as error:
            logger.warning(
                "embedder is not ready", error=error.message, cause=describe(error.__cause__)
            )
        await asyncio.to_thread(detect_language, "Is anybody there?")

    async def ready(self) -> dict[str, str | None]:
        """What each part lacks to serve requests, by name; None if it lacks nothing."""
        database, redis = await asyncio.gather(
            _lacks(self._check_database()), _lacks(self.redis.ping())
        )
        return {"database": database, "redis": redis}

    async def _check_database(self) -> None:
        async with self.database.read(None) as session:
            await check_revision(session)


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Open the services. Raises `ValueError`, naming a setting that is missing."""
    database_url = _required(settings.database_url, "DATABASE_URL")
    redis_url = _required(settings.redis_url, "REDIS_URL")
    secret_key = settings.secret_key.get_secret_value() if settings.secret_key else None
    signer = TokenSigner(_required(secret_key, "LECTERN_SECRET_KEY"), settings.access_token_seconds)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            Database(database_url, settings.database_pool_size)
        )
        redis = open_redis(redis_url)
        stack.push_async_callback(redis.aclose, close_connection_pool=True)
        hints = Hints(redis)
        stack.push_async_callback(hints.close)
        embedder = open_embedder(settings)
        stack.push_async_callback(embedder.aclose)
        extractive = ExtractiveAnswerer(embedder)
        answerer = open_answerer(settings, extractive)
        stack.push_async_callback(answerer.aclose)
        storage = open_storage(settings)
        counters = Counters(redis)
        queue = Queue(redis)
        tail = AnswerTail(redis)
        reranker = open_reranker(settings)
        if reranker is not None:
            stack.push_async_callback(reranker.aclose)
        retrieval = Retrieval(database, embedder, reranker, graph_chunks=settings.graph_chunks)
        prices = Prices(settings.prompt_price, settings.completion_price)
        quota = Quota(settings.max_user_daily_answers, settings.max_user_monthly_tokens or None)
        generator = AnswerGenerator(database, retrieval, answerer, extractive, prices)
        leases = Leases()
        await stack.enter_async_context(leases.renewed(database_url))
        admission = Admission(
            settings.overload_lag_seconds, settings.database_pool_size, lambda: database.waiting
        )
        await stack.enter_async_context(admission.measured())
        chat = await stack.enter_async_context(
            Chat(
                database,
                hints,
                tail,
                generator,
                quota,
                settings.max_user_conversations,
                leases,
                admission,
            )
        )
        sweeper = AnswerSweeper(database, tail)
        await stack.enter_async_context(in_background(sweeper.sweep, SWEEP_SECONDS))
        TASKS.set_function(lambda: len(asyncio.all_tasks()))
        CONNECTIONS.set_function(lambda: database.connections_in_use)
        CHANNELS.set_function(lambda: hints.channel_count)
        WRITING.set_function(lambda: chat.writing)
        yield Services(
            database=database,
            redis=redis,
            storage=storage,
            embedder=embedder,
            hints=hints,
            queue=queue,
            accounts=Accounts(
                database,
                signer,
                RateLimit(counters, "login", LOGIN_TRIES, LOGIN_WINDOW_SECONDS),
                RateLimit(counters, "address", settings.max_address_logins, LOGIN_WINDOW_SECONDS),
                settings.refresh_token_seconds,
                settings.max_user_api_keys,
            ),
            documents=Documents(database, storage, hints, queue, settings.max_attempts),
            uploads=Uploads(
                database, storage, hints, queue, signer, settings, _public_url(settings)
            ),
            downloads=Downloads(storage, signer, _public_url(settings)),
            retrieval=retrieval,
            conversations=Conversations(database, settings.max_user_conversations),
            chat=chat,
            quotas=Quotas(database, quota),
            admission=admission,
            rates=RateLimits(
                counters,
                {
                    "register": settings.rate_register,
                    "refresh": settings.rate_refresh,
                    "search": settings.rate_search,
                    "upload": settings.rate_upload,
                    "question": settings.rate_question,
                    "write": settings.rate_write,
                },
                settings.rate_register_in_all,
                settings.rate_address_factor,
            ),
        )


def _public_url(settings: Settings) -> str:
    return str(settings.public_url or f"http://{settings.host}:{settings.port}")


def _required(value: str | None, name: str) -> str:
    if not value:
        raise ValueError(f"{name} is not set; `lectern up` embeds what is missing.")
    return value


async def _lacks(check: Awaitable[object]) -> str | None:
    try:
        async with asyncio.timeout(READY_SECONDS):
            await check
    except DomainError as error:
        return error.message
    except Exception as error:
        return type(error).__name__
    return None
