"""Accounts, logins and API keys."""

import asyncio
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from core.addresses import network_of
from core.errors import (
    Forbidden,
    InvalidCredentials,
    InvalidInput,
    InvalidRefreshToken,
    NotFound,
    QuotaExceeded,
    Unauthenticated,
)
from core.ids import new_id
from core.principal import Principal
from core.text import check_storable, is_storable
from core.tokens import AccessToken, OpaqueToken, TokenSigner
from db import accounts
from db.engine import Database, WriteSession
from services.rate_limit import RateLimit

REUSE_GRACE = timedelta(seconds=10)
"""How soon a used refresh token may be sent again: the answer to it may have been lost."""
KEY_TRUSTED = timedelta(minutes=15)
"""How long a connection outlives the API key that it was opened with."""
MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 256
REFRESH_PREFIX = "lrt"
API_KEY_PREFIX = "lak"


@dataclass(frozen=True, slots=True)
class Session:
    """The tokens of a login, and its user."""

    access: AccessToken
    refresh_token: str
    user: accounts.User


@dataclass(frozen=True, slots=True)
class CreatedApiKey:
    key: accounts.ApiKey
    secret: str
    """The secret, which is shown once: only its hash is kept."""


class Accounts:
    def __init__(
        self,
        database: Database,
        signer: TokenSigner,
        logins: RateLimit,
        addresses: RateLimit,
        refresh_token_seconds: int,
        max_api_keys: int,
    ) -> None:
        self._database = database
        self._logins = logins
        self._addresses = addresses
        self._signer = signer
        self._refresh_token_seconds = refresh_token_seconds
        self._max_api_keys = max_api_keys
        # OWASP's floor for Argon2id: 19 MiB, two passes, one lane. Few at a time, in threads, keep
        # a burst from taking every core, and those who register do not stand before who logs in.
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._logging_in = asyncio.Semaphore(2)
        self._registering = asyncio.Semaphore(1)
        self._dummy_hash = self._hasher.hash("nobody has this password")

    async def register(self, email: str, password: str, name: str | None) -> Session:
        """Raises `InvalidInput` and `EmailTaken`."""
        email = _normalized_email(email)
        if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
            raise InvalidInput(
                f"A password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters.",
                field="password",
            )
        check_storable(password, "password")
        if name is not None and not 1 <= len(name.strip()) <= 200:
            raise InvalidInput("A name has 1 to 200 characters.", field="name")
        check_storable(name, "name")
        async with self._registering:
            password_hash = await asyncio.to_thread(self._hasher.hash, password)
        async with self._database.write(new_id()) as session:
            user = await accounts.insert_user(
                session, email, password_hash, name.strip() if name else None
            )
            return await self._open(session, user, family_id=new_id())

    async def login(self, email: str, password: str, address: str | None = None) -> Session:
        """Open a session, with the same work whether the user exists or not.

        Raises `RateLimited` after too many failures of one account or tries from one address,
        and `InvalidCredentials`.
        """
        if address is not None:
            await self._addresses.hit(network_of(address))
        email = email.strip().lower()
        if not is_storable(email + password):
            raise _wrong_credentials()
        await self._logins.hit(email)
        async with self._database.read(None) as session:
            user = await accounts.user_by_email(session, email)
        matches = await self._matches(user.password_hash if user else self._dummy_hash, password)
        if user is None or not matches:
            raise _wrong_credentials()
        await self._logins.reset(email)
        async with self._database.write(user.id) as write:
            return await self._open(write, user, family_id=new_id())

    async def refresh(self, refresh_token: str) -> Session:
        """Exchange a refresh token for a new session; a reused token ends its whole family.

        Raises `InvalidRefreshToken`.
        """
        token = OpaqueToken.parse(REFRESH_PREFIX, refresh_token)
        invalid = InvalidRefreshToken("The session has ended; log in again.")
        if token is None:
            raise invalid
        async with self._database.write(token.owner_id) as session:
            stored = await accounts.lock_refresh_session(session, token.id)
            user = await accounts.user_by_id(session, token.owner_id)
            now = datetime.now(UTC)
            if (
                stored is None
                or user is None
                or not token.matches(stored.secret_hash)
                or stored.revoked_at is not None
                or stored.expires_at <= now
            ):
                raise invalid
            stolen = stored.used_at is not None and now - stored.used_at > REUSE_GRACE
            if stolen:
                await accounts.revoke_family(session, stored.family_id)
            else:
                await accounts.mark_refresh_session_used(session, stored.id)
                return await self._open(session, user, stored.family_id)
        raise invalid

    async def logout(self, principal: Principal, everywhere: bool) -> None:
        """End this session or all of them; access tokens live on until they expire."""
        async with self._database.write(principal.user_id) as session:
            if everywhere:
                await accounts.revoke_all_refresh_sessions(session)
            elif principal.session_id is not None:
                await accounts.revoke_family(session, principal.session_id)

    async def delete(self, principal: Principal, password: str) -> None:
        """Delete the account with all that it has; the sweeper deletes files within seconds.

        Raises `RateLimited` after too many failures, `InvalidCredentials` and `Unauthenticated`.
        """
        user = await self.user(principal)
        await self._logins.hit(user.email)
        if not is_storable(password) or not await self._matches(user.password_hash, password):
            raise InvalidCredentials("The password is wrong.")
        async with self._database.write(principal.user_id) as session:
            await accounts.delete_user(session)

    async def user(self, principal: Principal) -> accounts.User:
        """Raises `Unauthenticated` when the user is gone."""
        async with self._database.read(principal.user_id) as session:
            user = await accounts.user_by_id(session, principal.user_id)
        if user is None:
            raise Unauthenticated("This account does not exist any more.")
        return user

    async def create_api_key(
        self, principal: Principal, name: str, expires_at: datetime | None
    ) -> CreatedApiKey:
        """Raises `InvalidInput`, `QuotaExceeded`, and `Forbidden` to API keys: a leaked one ends
        when revoked."""
        if principal.session_id is None:
            raise Forbidden("An API key creates no further keys; log in for that.")
        if not 1 <= len(name.strip()) <= 100:
            raise InvalidInput("A name has 1 to 100 characters.", field="name")
        check_storable(name, "name")
        if expires_at is not None and expires_at <= datetime.now(UTC):
            raise InvalidInput("A key cannot expire in the past.", field="expiresAt")
        token = OpaqueToken.new(API_KEY_PREFIX, principal.user_id)
        async with self._database.write_alone(principal.user_id) as session:
            if len(await accounts.api_keys(session)) >= self._max_api_keys:
                await accounts.delete_ended_api_keys(session)
            if len(await accounts.api_keys(session)) >= self._max_api_keys:
                raise QuotaExceeded(
                    f"You may have {self._max_api_keys:,} API keys; revoke one of them first."
                )
            key = await accounts.insert_api_key(
                session, token.id, name.strip(), token.secret_hash, expires_at
            )
        return CreatedApiKey(key, str(token))

    async def api_keys(self, principal: Principal) -> list[accounts.ApiKey]:
        """All keys of the user, newest first, those that have ended included."""
        async with self._database.read(principal.user_id) as session:
            return await accounts.api_keys(session)

    async def api_key(self, principal: Principal, key_id: UUID) -> accounts.ApiKey:
        """Raises `NotFound`."""
        async with self._database.read(principal.user_id) as session:
            key = await accounts.api_key(session, key_id)
        if key is None:
            raise _no_api_key()
        return key

    async def revoke_api_key(self, principal: Principal, key_id: UUID) -> accounts.ApiKey:
        """Raises `NotFound`."""
        async with self._database.write(principal.user_id) as session:
            key = await accounts.revoke_api_key(session, key_id)
        if key is None:
            raise _no_api_key()
        return key

    async def authenticate(self, authorization: str | None) -> Principal | None:
        """The caller whom an `Authorization` header stands for. Raises `Unauthenticated`."""
        if not authorization:
            return None
        scheme, _, credential = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not credential:
            raise Unauthenticated("The authorization header must be `Bearer <token>`.")
        key = OpaqueToken.parse(API_KEY_PREFIX, credential)
        if key is None:
            return self._signer.verify(credential)
        async with self._database.read(key.owner_id) as session:
            stored = await accounts.live_api_key(session, key.id)
        if stored is None or not key.matches(stored.secret_hash):
            raise Unauthenticated("The API key is not valid.")
        until = datetime.now(UTC) + KEY_TRUSTED
        return Principal(key.owner_id, stored.role, None, min(until, stored.expires_at or until))

    async def _matches(self, password_hash: str, password: str) -> bool:
        try:
            async with self._logging_in:
                return await asyncio.to_thread(
                    self._hasher.verify, password_hash, password[: MAX_PASSWORD_LENGTH + 1]
                )
        except VerifyMismatchError:
            return False

    async def _open(self, session: WriteSession, user: accounts.User, family_id: UUID) -> Session:
        token = OpaqueToken.new(REFRESH_PREFIX, user.id)
        await accounts.insert_refresh_session(
            session, token.id, family_id, token.secret_hash, self._refresh_token_seconds
        )
        return Session(self._signer.issue(user.id, user.role, family_id), str(token), user)


def _normalized_email(email: str) -> str:
    email = email.strip().lower()
    local, _, domain = email.partition("@")
    labels = domain.split(".")
    # Of what Unicode has not assigned yet nobody knows the lower case; the rest cannot be seen.
    unseen = any(unicodedata.category(character)[0] in "CZ" for character in email)
    if (
        unseen
        or not local
        or "@" in domain
        or len(labels) < 2
        or not all(labels)
        or len(email) > 254
    ):
        raise InvalidInput("This is not an e-mail address.", field="email")
    return email


def _no_api_key() -> NotFound:
    return NotFound("There is no API key with this id.")


def _wrong_credentials() -> InvalidCredentials:
    return InvalidCredentials("The address or the password is wrong.")
