"""Download addresses, which open a stored file for a while without authentication."""

from datetime import timedelta
from uuid import UUID

from core.principal import Principal
from core.tokens import TokenSigner
from db.documents import Version
from providers.storage import Storage

LIFETIME = timedelta(minutes=15)


class Downloads:
    def __init__(self, storage: Storage, signer: TokenSigner, public_url: str) -> None:
        self._storage = storage
        self._signer = signer
        self._public_url = public_url.rstrip("/")

    async def url(self, principal: Principal, version: Version, inline: bool = False) -> str:
        """An address of the file: of the object store, where it signs addresses, to save it.

        An address that shows it is this server's, which knows what a browser may show.
        """
        if not inline:
            signed = await self._storage.signed_url(version.storage_key, LIFETIME)
            if signed is not None:
                return signed
        token = self._signer.issue_file(principal.user_id, version.id, LIFETIME)
        suffix = "?disposition=inline" if inline else ""
        return f"{self._public_url}/files/{token}{suffix}"

    def open(self, token: str) -> tuple[UUID, UUID]:
        """The owner and version in the token of an address. Raises `Unauthenticated`."""
        return self._signer.verify_file(token)
