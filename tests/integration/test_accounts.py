"""Accounts: registering, logging in, rotating sessions, API keys."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from core.errors import (
    EmailTaken,
    Forbidden,
    InvalidCredentials,
    InvalidInput,
    InvalidRefreshToken,
    NotFound,
    RateLimited,
    Unauthenticated,
)
from core.ids import Kind, encode_id, new_id
from core.principal import Principal
from core.tokens import TokenSigner
from resolvers.context import Context
from resolvers.schema import build_schema
from services.accounts import KEY_TRUSTED, Accounts, Session
from services.container import LOGIN_TRIES, LOGIN_WINDOW_SECONDS, Services
from services.rate_limit import Counters, RateLimit

PASSWORD = "correct horse battery"
SCHEMA = build_schema()


def address() -> str:
    return f"{new_id().hex}@example.org"


async def registered(services: Services) -> Session:
    return await services.accounts.register(address(), PASSWORD, None)


async def test_a_registered_user_logs_in_whatever_the_case_of_the_address(
    services: Services,
) -> None:
    email = address()
    registered = await services.accounts.register(f" {email.upper()} ", PASSWORD, " Ada ")
    session = await services.accounts.login(email.title(), PASSWORD)
    assert session.user.id == registered.user.id
    assert session.user.name == "Ada"
    principal = await services.authenticate(f"Bearer {session.access.token}")
    assert principal is not None
    assert principal.user_id == session.user.id


async def test_an_address_registers_once(services: Services) -> None:
    email = address()
    await services.accounts.register(email, PASSWORD, None)
    with pytest.raises(EmailTaken):
        await services.accounts.register(email.upper(), PASSWORD, None)


@pytest.mark.parametrize(
    ("email", "password", "name", "field"),
    [
        ("nobody", PASSWORD, None, "email"),
        ("a@b", PASSWORD, None, "email"),
        ("a b@example.org", PASSWORD, None, "email"),
        ("@example.org", PASSWORD, None, "email"),
        (f"{'a' * 250}@example.org", PASSWORD, None, "email"),
        ("a\0@example.org", PASSWORD, None, "email"),
        ("a@example.org", "short", None, "password"),
        ("a@example.org", "x" * 257, None, "password"),
        ("a@example.org", PASSWORD, "   ", "name"),
        ("a@example.org", PASSWORD, "x" * 201, "name"),
        ("a@example.org", PASSWORD, "A\0da", "name"),
    ],
)
async def test_bad_input_names_its_field(
    services: Services, email: str, password: str, name: str | None, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await services.accounts.register(email, password, name)
    assert caught.value.field == field


async def test_wrong_password_and_unknown_user_look_the_same(services: Services) -> None:
    session = await registered(services)
    with pytest.raises(InvalidCredentials) as wrong:
        await services.accounts.login(session.user.email, "not the password")
    with pytest.raises(InvalidCredentials) as unknown:
        await services.accounts.login(address(), PASSWORD)
    assert wrong.value.message == unknown.value.message


async def test_passwords_are_kept_as_argon2id_of_at_least_owasp_strength(
    services: Services,
) -> None:
    session = await registered(services)
    assert session.user.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_refresh_token_buys_one_session(services: Services) -> None:
    first = await registered(services)
    second = await services.accounts.refresh(first.refresh_token)
    assert second.refresh_token != first.refresh_token
    third = await services.accounts.refresh(second.refresh_token)
    assert third.user.id == first.user.id


async def test_reuse_after_the_grace_ends_the_whole_family(services: Services) -> None:
    first = await registered(services)
    second = await services.accounts.refresh(first.refresh_token)
    await let_time_pass(services, first)
    with pytest.raises(InvalidRefreshToken):
        await services.accounts.refresh(first.refresh_token)
    with pytest.raises(InvalidRefreshToken):
        await services.accounts.refresh(second.refresh_token)


async def test_a_lost_answer_may_be_asked_for_again_at_once(services: Services) -> None:
    first = await registered(services)
    await services.accounts.refresh(first.refresh_token)
    again = await services.accounts.refresh(first.refresh_token)
    assert (await services.accounts.refresh(again.refresh_token)).user.id == first.user.id


async def test_expired_unknown_and_foreign_refresh_tokens(services: Services) -> None:
    mine, other = await registered(services), await registered(services)
    prefix, _, id_, secret = mine.refresh_token.split("_")
    forged = f"{prefix}_{other.user.id.hex}_{id_}_{secret}"
    for token in ("", "rubbish", forged, mine.refresh_token[:-1] + "x"):
        with pytest.raises(InvalidRefreshToken):
            await services.accounts.refresh(token)
    async with services.database.write(mine.user.id) as session:
        await session.run(text("UPDATE refresh_sessions SET expires_at = now()"))
    with pytest.raises(InvalidRefreshToken):
        await services.accounts.refresh(mine.refresh_token)


async def test_a_new_session_takes_the_place_of_the_expired_ones(services: Services) -> None:
    mine, other = await registered(services), await registered(services)
    live = await services.accounts.login(mine.user.email, PASSWORD)
    for session in (mine, other):
        async with services.database.write(session.user.id) as write:
            id_ = UUID(session.refresh_token.split("_")[2])
            expire = "UPDATE refresh_sessions SET expires_at = now() WHERE id = :id"
            assert await write.run(text(expire), id=id_) == 1

    await services.accounts.refresh(live.refresh_token)

    for user, left in ((mine.user, 2), (other.user, 1)):
        async with services.database.read(user.id) as read:
            assert (await read.one(text("SELECT count(*) AS n FROM refresh_sessions")))["n"] == left
    with pytest.raises(InvalidRefreshToken):
        await services.accounts.refresh(mine.refresh_token)


async def test_logout_ends_this_session_or_all(services: Services) -> None:
    first = await registered(services)
    second = await services.accounts.login(first.user.email, PASSWORD)
    third = await services.accounts.login(first.user.email, PASSWORD)
    await services.accounts.logout(await principal_of(services, first), everywhere=False)
    with pytest.raises(InvalidRefreshToken):
        await services.accounts.refresh(first.refresh_token)
    second = await services.accounts.refresh(second.refresh_token)
    await services.accounts.logout(await principal_of(services, third), everywhere=True)
    for session in (second, third):
        with pytest.raises(InvalidRefreshToken):
            await services.accounts.refresh(session.refresh_token)


async def test_an_api_key_works_until_revoked(services: Services, principal: Principal) -> None:
    created = await services.accounts.create_api_key(principal, "ci", None)
    found = await services.authenticate(f"Bearer {created.secret}")
    assert found is not None
    assert found.user_id == principal.user_id
    await services.accounts.revoke_api_key(principal, created.key.id)
    with pytest.raises(Unauthenticated):
        await services.authenticate(f"Bearer {created.secret}")


async def test_an_api_key_ends_when_it_should(services: Services, principal: Principal) -> None:
    with pytest.raises(InvalidInput):
        await services.accounts.create_api_key(principal, "ci", datetime.now(UTC))
    later = datetime.now(UTC) + timedelta(hours=1)
    created = await services.accounts.create_api_key(principal, "ci", later)
    async with services.database.write(principal.user_id) as session:
        await session.run(text("UPDATE api_keys SET expires_at = now()"))
    with pytest.raises(Unauthenticated):
        await services.authenticate(f"Bearer {created.secret}")


async def test_nobody_revokes_the_key_of_another(services: Services, principal: Principal) -> None:
    created = await services.accounts.create_api_key(principal, "ci", None)
    other = await principal_of(services, await registered(services))
    with pytest.raises(NotFound):
        await services.accounts.revoke_api_key(other, created.key.id)
    assert await services.authenticate(f"Bearer {created.secret}")


async def test_keys_are_listed_newest_first_whether_live_or_not(
    services: Services, principal: Principal, stranger: Principal
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    first = await services.accounts.create_api_key(principal, "first", later)
    second = await services.accounts.create_api_key(principal, "second", None)
    revoked = await services.accounts.revoke_api_key(principal, first.key.id)

    assert revoked.revoked_at is not None
    assert await services.accounts.api_keys(principal) == [second.key, revoked]
    assert await services.accounts.api_key(principal, first.key.id) == revoked
    assert await services.accounts.api_keys(stranger) == []
    with pytest.raises(NotFound):
        await services.accounts.api_key(stranger, first.key.id)


async def test_a_key_creates_no_further_keys(services: Services, principal: Principal) -> None:
    created = await services.accounts.create_api_key(principal, "ci", None)
    program = await services.authenticate(f"Bearer {created.secret}")
    assert program is not None

    with pytest.raises(Forbidden):
        await services.accounts.create_api_key(program, "another", None)

    assert await services.accounts.api_keys(program) == [created.key]


async def test_keys_are_found_by_their_ids_without_their_secrets(
    services: Services, principal: Principal
) -> None:
    created = await services.accounts.create_api_key(principal, "ci", None)
    program = await services.authenticate(f"Bearer {created.secret}")
    query = """query ($id: ID!) { apiKeys { id name expiresAt revokedAt }
      node(id: $id) { __typename id } }"""
    create = """mutation { createApiKey(input: { name: "more" }) {
      __typename ... on Error { code } } }"""
    id_ = encode_id(Kind.API_KEY, created.key.id)

    context = Context(services, program, "")
    found = await SCHEMA.execute(query, {"id": id_}, context_value=context)
    refused = await SCHEMA.execute(create, context_value=context)

    assert found.data == {
        "apiKeys": [{"id": id_, "name": "ci", "expiresAt": None, "revokedAt": None}],
        "node": {"__typename": "ApiKey", "id": id_},
    }
    assert refused.data == {"createApiKey": {"__typename": "Forbidden", "code": "FORBIDDEN"}}


@pytest.mark.parametrize("value", ["Basic abc", "Bearer", "Bearer ", "token"])
async def test_other_authorization_schemes_are_refused(services: Services, value: str) -> None:
    with pytest.raises(Unauthenticated):
        await services.authenticate(value)


async def test_no_header_is_nobody(services: Services) -> None:
    assert await services.authenticate(None) is None


async def principal_of(services: Services, session: Session) -> Principal:
    principal = await services.authenticate(f"Bearer {session.access.token}")
    assert principal is not None
    return principal


async def let_time_pass(services: Services, session: Session) -> None:
    async with services.database.write(session.user.id) as write:
        await write.run(text("UPDATE refresh_sessions SET used_at = used_at - interval '1 hour'"))


async def test_guessing_a_password_is_slowed_down(services: Services) -> None:
    session = await registered(services)
    for _ in range(LOGIN_TRIES):
        with pytest.raises(InvalidCredentials):
            await services.accounts.login(session.user.email, "a guess")
    with pytest.raises(RateLimited) as limited:
        await services.accounts.login(session.user.email, PASSWORD)
    assert 0 < limited.value.retry_after <= LOGIN_WINDOW_SECONDS


async def test_logging_in_begins_the_count_anew(services: Services) -> None:
    session = await registered(services)
    for _ in range(LOGIN_TRIES + 1):
        await services.accounts.login(session.user.email, PASSWORD)


async def test_without_redis_people_still_log_in_and_guessing_is_slowed_down(
    services: Services,
) -> None:
    gone = Redis(host="127.0.0.1", port=1)
    counters = Counters(gone)
    accounts = Accounts(
        services.database,
        TokenSigner("a secret of the tests, long enough", 900),
        RateLimit(counters, "login", 2, 60),
        RateLimit(counters, "address", 9, 60),
        60,
        100,
    )
    session = await registered(services)
    assert (
        await accounts.login(session.user.email, PASSWORD, "192.0.2.1")
    ).user.id == session.user.id
    for expected in (InvalidCredentials, InvalidCredentials, RateLimited):
        with pytest.raises(expected):
            await accounts.login(session.user.email, "a guess", "192.0.2.1")
    await gone.aclose()


async def test_people_log_in_while_redis_says_nothing(services: Services) -> None:
    async def listen_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client gives up
        writer.close()

    session = await registered(services)
    async with await asyncio.start_server(listen_only, "127.0.0.1") as server:
        silent = Redis(port=server.sockets[0].getsockname()[1])
        accounts = Accounts(
            services.database,
            TokenSigner("a secret of the tests, long enough", 900),
            RateLimit(Counters(silent), "login", 9, 60),
            RateLimit(Counters(silent), "address", 9, 60),
            60,
            100,
        )
        async with asyncio.timeout(30):
            again = await accounts.login(session.user.email, PASSWORD)
        await silent.aclose()

    assert again.user.id == session.user.id


@pytest.mark.parametrize("half", ["\ud800", "password\ud800"])
async def test_half_a_character_fits_no_account(services: Services, half: str) -> None:
    session = await registered(services)

    with pytest.raises(InvalidCredentials):
        await services.accounts.login(f"{half}@example.org", PASSWORD)
    with pytest.raises(InvalidCredentials):
        await services.accounts.login(session.user.email, half)
    with pytest.raises(InvalidInput) as refused:
        await services.accounts.register(address(), half * 10, None)
    assert refused.value.field == "password"


async def test_a_connection_with_an_api_key_is_checked_again(
    services: Services, principal: Principal
) -> None:
    """As websockets and event streams end with the proof of identity that they began with."""
    created = await services.accounts.create_api_key(principal, "ci", None)

    found = await services.authenticate(f"Bearer {created.secret}")

    assert found is not None
    assert found.expires_at is not None
    assert found.expires_at <= datetime.now(UTC) + KEY_TRUSTED
