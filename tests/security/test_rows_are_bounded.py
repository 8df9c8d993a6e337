"""What one user can make without end: each kind of row has its bound."""

import pytest

from core.errors import InvalidInput, QuotaExceeded
from core.ids import Kind, encode_id, new_id
from core.principal import Principal
from core.settings import Settings
from resolvers.arguments import MAX_DOCUMENT_IDS, document_ids
from services.chat.chat import Ask
from services.container import Services
from services.uploads import Announced


@pytest.fixture
def settings(settings: Settings) -> Settings:
    few = ("conversations", "api_keys", "prepared_uploads")
    return settings.model_copy(update={f"max_user_{name}": 3 for name in few})


async def test_conversations(services: Services, principal: Principal) -> None:
    for _ in range(3):
        await services.conversations.create(principal, "Tides")
    with pytest.raises(QuotaExceeded):
        await services.conversations.create(principal, "Tides")
    with pytest.raises(QuotaExceeded):
        await services.chat.ask(principal, Ask("1", "Where is the moon cam?"))
    kept, _ = await services.conversations.page_of(principal, 10, None)
    await services.conversations.delete(principal, kept[0].id)
    await services.conversations.create(principal, "Tides")


async def test_api_keys(services: Services, principal: Principal) -> None:
    keys = [(await services.accounts.create_api_key(principal, "k", None)).key for _ in range(3)]
    with pytest.raises(QuotaExceeded):
        await services.accounts.create_api_key(principal, "k", None)
    await services.accounts.revoke_api_key(principal, keys[0].id)
    await services.accounts.create_api_key(principal, "k", None)
    assert len(await services.accounts.api_keys(principal)) == 3


async def test_prepared_uploads(services: Services, principal: Principal) -> None:
    async def prepare(number: int) -> None:
        await services.uploads.prepare(principal, Announced("a.txt", 1, f"{number:064x}", None))

    for number in range(3):
        await prepare(number)
    with pytest.raises(QuotaExceeded):
        await prepare(3)


def test_document_ids() -> None:
    ids = [encode_id(Kind.DOCUMENT, new_id())] * (MAX_DOCUMENT_IDS + 1)
    with pytest.raises(InvalidInput) as refused:
        document_ids(ids)  # type: ignore[arg-type]
    assert refused.value.field == "documentIds"
