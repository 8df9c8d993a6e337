"""What every resolver of one operation shares."""

from functools import cached_property

import strawberry

from core.errors import LOG_IN_FIRST, Unauthenticated
from core.principal import Principal
from resolvers.loaders import Loaders
from services.container import Services


class Context:
    """Made anew for each operation, so that nothing stale outlives it."""

    def __init__(
        self,
        services: Services,
        principal: Principal | None,
        request_id: str,
        address: str | None = None,
    ) -> None:
        self.services = services
        self.maybe_principal = principal
        self.request_id = request_id
        self.address = address
        """The client's, as far as proxies tell it."""

    @property
    def principal(self) -> Principal:
        """Raises `Unauthenticated` for anonymous requests."""
        if self.maybe_principal is None:
            raise Unauthenticated(LOG_IN_FIRST)
        return self.maybe_principal

    @cached_property
    def loading(self) -> Loaders:
        return Loaders(self.services, self.principal)


Info = strawberry.Info[Context, None]
