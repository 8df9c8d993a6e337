"""Prices and quotas of answers."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from core.errors import QuotaExceeded
from core.principal import Principal
from db import usage
from db.engine import Database
from db.usage import Month
from providers.answering import Tokens

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a million tokens."""

    prompt: Decimal
    completion: Decimal

    def cost(self, spent: Tokens) -> Decimal:
        return (self.prompt * spent.prompt + self.completion * spent.completion) / MILLION


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits of one user by day and calendar month of UTC; None bounds nothing."""

    daily_answers: int | None
    monthly_tokens: int | None

    def admit(self, used: Month) -> bool:
        """Whether one more answer may come from the language model.

        Raises `QuotaExceeded` when it may not come at all.
        """
        if self.daily_answers is not None and used.answers_today >= self.daily_answers:
            tomorrow = used.today + timedelta(days=1)
            raise QuotaExceeded(
                f"You may ask {self.daily_answers:,} questions a day; ask again from"
                f" {tomorrow}, 00:00 UTC."
            )
        tokens = used.prompt_tokens + used.completion_tokens
        return self.monthly_tokens is None or tokens < self.monthly_tokens


class Quotas:
    def __init__(self, database: Database, quota: Quota) -> None:
        self._database = database
        self.quota = quota

    async def month(self, principal: Principal) -> Month:
        async with self._database.read(principal.user_id) as session:
            return await usage.month(session)


def bounds(month: Month) -> tuple[datetime, datetime]:
    """When the month began, and when the next one begins."""
    first = month.today.replace(day=1)
    next_first = (first + timedelta(days=31)).replace(day=1)
    return datetime.combine(first, time(), UTC), datetime.combine(next_first, time(), UTC)
