"""What answers cost."""

from dataclasses import dataclass
from decimal import Decimal

from providers.answering import Tokens

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens."""

    prompt: Decimal
    completion: Decimal

    def cost(self, spent: Tokens) -> Decimal:
        return (self.prompt * spent.prompt + self.completion * spent.completion) / MILLION
