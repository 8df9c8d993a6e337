"""Usage: tokens and cost of each owner's answers by day (UTC), conversations deleted or not."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import text

from db.answers import Ending
from db.engine import ReadSession, WriteSession


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month so far."""

    today: date
    answers_today: int
    answers: int
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal


_TODAY = "CAST(now() AT TIME ZONE 'UTC' AS date)"
_THIS_MONTH = f"""
SELECT {_TODAY} AS today,
  CAST(coalesce(sum(answers) FILTER (WHERE day = {_TODAY}), 0) AS bigint) AS answers_today,
  CAST(coalesce(sum(answers), 0) AS bigint) AS answers,
  CAST(coalesce(sum(prompt_tokens), 0) AS bigint) AS prompt_tokens,
  CAST(coalesce(sum(completion_tokens), 0) AS bigint) AS completion_tokens,
  coalesce(sum(cost), 0) AS cost
FROM usage_days WHERE owner_id = :owner_id
  AND day >= CAST(date_trunc('month', now() AT TIME ZONE 'UTC') AS date)
"""
_MONTH = text(_THIS_MONTH)
_COUNT_ANSWER = text(f"""
    WITH counted AS (
      INSERT INTO usage_days AS d (owner_id, day, answers) VALUES (:owner_id, {_TODAY}, 1)
      ON CONFLICT (owner_id, day) DO UPDATE SET answers = d.answers + 1)
    {_THIS_MONTH}
    """)
# The owner may be deleted at any moment: then there is nobody to count for.
_COUNT_TOKENS = text(f"""
    INSERT INTO usage_days AS d (owner_id, day, prompt_tokens, completion_tokens, cost)
    SELECT id, {_TODAY}, :prompt_tokens, :completion_tokens, :cost
    FROM users WHERE id = :owner_id FOR KEY SHARE
    ON CONFLICT (owner_id, day) DO UPDATE SET
      prompt_tokens = d.prompt_tokens + excluded.prompt_tokens,
      completion_tokens = d.completion_tokens + excluded.completion_tokens,
      cost = d.cost + excluded.cost
    """)


async def month(session: ReadSession) -> Month:
    return Month(**await session.one(_MONTH, owner_id=session.owner_id))


async def count_answer(session: WriteSession) -> Month:
    """Count an answer that begins; the month's usage before it."""
    return Month(**await session.one(_COUNT_ANSWER, owner_id=session.owner_id))


async def count_tokens(session: WriteSession, ending: Ending) -> None:
    if ending.prompt_tokens or ending.completion_tokens:
        await session.run(
            _COUNT_TOKENS,
            owner_id=session.owner_id,
            prompt_tokens=ending.prompt_tokens,
            completion_tokens=ending.completion_tokens,
            cost=ending.cost,
        )
