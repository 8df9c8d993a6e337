"""The context that all resolvers of one operation share."""

from collections.abc import Callable
from functools import cached_property

import strawberry

from core.errors import LOG_IN_FIRST, RateLimited, Unauthenticated
from core.principal import Principal
from resolvers.loaders import Loaders
from services.container import Services
from services.rate_limit import Activity


class Context:
    """The services and the caller of one operation; no context outlives its operation."""

    def __init__(
        self,
        services: Services,
        principal: Principal | None,
        request_id: str,
        address: str | None = None,
        told_to_wait: Callable[[float], None] | None = None,
    ) -> None:
        self.services = services
        self.maybe_principal = principal
        self.request_id = request_id
        self.address = address
        """The client's address, as far as proxies tell it."""
        self._told_to_wait = told_to_wait

    @property
    def principal(self) -> Principal:
        """The caller. Raises `Unauthenticated` for anonymous requests."""
        if self.maybe_principal is None:
            raise Unauthenticated(LOG_IN_FIRST)
        return self.maybe_principal

    async def admit(self, activity: Activity) -> None:
        """Raises `RateLimited` when the user or the address does it too often."""
        user_id = self.maybe_principal.user_id if self.maybe_principal else None
        await self.services.rates.admit(activity, user_id, self.address)

    def tell_to_wait(self, error: RateLimited) -> None:
        """Let the transport say it too."""
        if self._told_to_wait is not None:
            self._told_to_wait(error.retry_after)

    @cached_property
    def loading(self) -> Loaders:
        return Loaders(self.services, self.principal)


Info = strawberry.Info[Context, None]
