"""The servers that settings name: what they answer, or one line that says why they do not.

What a server needs is imported when it is asked, so that `lectern up` stays small.
"""

from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from cli.configuration import UsageError, variable
from core.settings import Settings

if TYPE_CHECKING:
    from db.health import Health

CONNECT_SECONDS = 5


async def ask_database(settings: Settings, name: str = "database_url") -> "Health":
    """Raises `UsageError`."""
    from db.health import inspect

    try:
        return await inspect(str(getattr(settings, name)))
    except ConnectionError as error:
        _refuse(settings, name, error)


async def require_migrations(settings: Settings) -> None:
    """Raises `UsageError` when the database lacks what this version needs."""
    from db.migrate import pending

    if missing := await pending(str(settings.database_url)):
        raise UsageError(
            f"{variable('database_url')}: {len(missing)} migrations are missing: set "
            f"{variable('database_owner_url')}, or run `lectern migrate` with it"
        )


async def ask_redis(settings: Settings) -> str:
    """Its version. Raises `UsageError`."""
    from services.redis import LOST, Redis

    try:
        url = str(settings.redis_url)
        async with Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS) as redis:
            return str((await redis.info("server"))["redis_version"])
    except (*LOST, ValueError) as error:
        _refuse(settings, "redis_url", error)


def _refuse(settings: Settings, name: str, error: Exception) -> NoReturn:
    host = urlsplit(str(getattr(settings, name))).hostname or "the server"
    raise UsageError(
        f"{variable(name)}: {host}: {str(error).rstrip('.')}; start it, correct the address, "
        "or unset it: `lectern up` embeds what is not set"
    ) from None
