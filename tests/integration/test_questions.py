"""Natural questions over the samples, asked of the whole product: floors that may only rise."""

import asyncio

from bench.questions import Judged, Verdict, by_kind, cases, library, share
from bench.questions.asking import ask
from core.principal import Principal
from core.settings import Settings
from services.container import Services
from support.library import add_documents

AT_ONCE = 3
RIGHT = {
    "talk": 1.0,
    "library": 1.0,
    "document": 0.95,
    "fact": 0.86,
    "across": 0.2,
    "table": 0.72,
    "absent": 0.95,
    "next": 0.73,
    "followup": 0.7,
    "beyond": 0.9,
}
"""Share of right answers of each kind."""
FALSE_GROUNDED = 0.06
"""Of all answers, those that claim to be grounded and are not right."""


async def test_answers_are_right_and_claim_no_more_than_they_hold(
    services: Services, principal: Principal, settings: Settings
) -> None:
    documents = await add_documents(settings, services, principal, library())
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Judged:
        async with gate:
            return await ask(services, principal, documents, cases()[number])

    outcomes = await asyncio.gather(*map(one, range(len(cases()))))

    shares = {
        kind: share(group, lambda outcome: outcome.verdict is Verdict.RIGHT)
        for kind, group in by_kind(outcomes)
    }
    assert {kind: found for kind, found in shares.items() if found < RIGHT[kind]} == {}
    assert share(outcomes, lambda outcome: outcome.false_grounded) <= FALSE_GROUNDED
    assert all(outcome.verified for outcome in outcomes)
