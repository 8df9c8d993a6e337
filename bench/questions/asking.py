"""Asks the questions of the product as a user does."""

from collections.abc import Sequence
from uuid import UUID

from bench.questions import Case, Judged, judge
from core.ids import new_id
from core.principal import Principal
from db.conversations import Message
from services.chat.chat import Ask
from services.container import Services


async def ask(
    services: Services, principal: Principal, documents: dict[str, UUID], case: Case
) -> Judged:
    """Each case is a conversation of its own."""
    only = [documents[name] for name in case.only] or None
    conversation_id = None
    for text in case.after:
        earlier = await _answer(services, principal, text, only, conversation_id)
        conversation_id = earlier.conversation_id
    answer = await _answer(services, principal, case.q, only, conversation_id)
    cited = await services.conversations.citations(principal, [answer.id])
    names = {id_: name for name, id_ in documents.items()}
    return judge(case, answer, cited.get(answer.id, []), names)


async def _answer(
    services: Services,
    principal: Principal,
    text: str,
    only: Sequence[UUID] | None,
    conversation_id: UUID | None,
) -> Message:
    question = Ask(new_id().hex, text, conversation_id, only)
    answer = (await services.chat.ask(principal, question)).answer
    async for _ in services.chat.follow(principal, answer, 0):
        pass
    found = await services.conversations.messages_by_ids(principal, [answer.id])
    return found[answer.id]
