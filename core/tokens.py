"""Access tokens (JWT, after RFC 8725), and opaque secrets for refresh tokens and API keys."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from jose import ExpiredSignatureError, JWTError, jwt

from core.errors import Unauthenticated
from core.ids import new_id
from core.principal import Principal

ALGORITHM = "HS256"
ISSUER = "lectern"
AUDIENCE = "lectern-api"
TYPE = "at+jwt"
FILE_TYPE = "file+jwt"
UPLOAD_TYPE = "upload+jwt"
_INVALID = "The token is not valid."


@dataclass(frozen=True, slots=True)
class AccessToken:
    token: str
    expires_at: datetime


class TokenSigner:
    """Signs and checks tokens with one key; nothing in a token's header is trusted."""

    def __init__(self, secret_key: str, lifetime_seconds: int) -> None:
        self._secret_key = secret_key
        self._key_id = hashlib.sha256(secret_key.encode()).hexdigest()[:16]
        self._lifetime = timedelta(seconds=lifetime_seconds)

    def issue(self, user_id: UUID, role: str, session_id: UUID) -> AccessToken:
        claims = {"role": role, "sid": str(session_id)}
        return self._sign(TYPE, user_id, self._lifetime, claims)

    def verify(self, token: str) -> Principal:
        """The caller in an access token. Raises `Unauthenticated` unless it is ours and alive."""
        claims = self._claims(TYPE, token)
        try:
            expires_at = datetime.fromtimestamp(claims["exp"], UTC)
            return Principal(
                UUID(claims["sub"]), str(claims["role"]), UUID(claims["sid"]), expires_at
            )
        except (KeyError, ValueError, TypeError, AttributeError):
            raise Unauthenticated(_INVALID) from None

    def issue_file(self, user_id: UUID, version_id: UUID, lifetime: timedelta) -> str:
        """A token that opens one file and nothing else."""
        return self._sign(FILE_TYPE, user_id, lifetime, {"version": str(version_id)}).token

    def verify_file(self, token: str) -> tuple[UUID, UUID]:
        """The owner and version in a file's token. Raises `Unauthenticated`."""
        claims = self._claims(FILE_TYPE, token)
        try:
            return UUID(claims["sub"]), UUID(claims["version"])
        except (KeyError, ValueError, TypeError, AttributeError):
            raise Unauthenticated(_INVALID) from None

    def issue_upload(
        self, user_id: UUID, upload: dict[str, Any], lifetime: timedelta
    ) -> AccessToken:
        """A token that lets one announced file in and nothing else."""
        return self._sign(UPLOAD_TYPE, user_id, lifetime, {"upload": upload})

    def verify_upload(self, token: str) -> tuple[UUID, dict[str, Any]]:
        """The owner and what was announced. Raises `Unauthenticated`."""
        claims = self._claims(UPLOAD_TYPE, token)
        try:
            return UUID(claims["sub"]), dict(claims["upload"])
        except (KeyError, ValueError, TypeError, AttributeError):
            raise Unauthenticated(_INVALID) from None

    def _sign(
        self, type_: str, user_id: UUID, lifetime: timedelta, claims: dict[str, Any]
    ) -> AccessToken:
        now = datetime.now(UTC)
        expires_at = (now + lifetime).replace(microsecond=0)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
            "jti": str(new_id()),
            **claims,
        }
        headers = {"typ": type_, "kid": self._key_id}
        token = jwt.encode(claims, self._secret_key, algorithm=ALGORITHM, headers=headers)
        return AccessToken(token, expires_at)

    def _claims(self, type_: str, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret_key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={f"require_{name}": True for name in ("iss", "aud", "sub", "exp", "jti")},
            )
        except ExpiredSignatureError:
            raise Unauthenticated("The token has expired; refresh the session.") from None
        except (JWTError, ValueError, TypeError, AttributeError):
            raise Unauthenticated(_INVALID) from None
        if header.get("typ") != type_ or header.get("kid") != self._key_id:
            raise Unauthenticated(_INVALID)
        return claims


@dataclass(frozen=True, slots=True)
class OpaqueToken:
    """A secret written `<prefix>_<owner>_<id>_<secret>`.

    It names its row and owner, so that no look-up crosses tenants.
    """

    prefix: str
    owner_id: UUID
    id: UUID
    secret: str

    @classmethod
    def new(cls, prefix: str, owner_id: UUID) -> "OpaqueToken":
        return cls(prefix, owner_id, new_id(), secrets.token_hex(32))

    @classmethod
    def parse(cls, prefix: str, token: str) -> "OpaqueToken | None":
        parts = token.split("_")
        if len(parts) != 4 or parts[0] != prefix:
            return None
        try:
            return cls(prefix, UUID(hex=parts[1]), UUID(hex=parts[2]), parts[3])
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.prefix}_{self.owner_id.hex}_{self.id.hex}_{self.secret}"

    @property
    def secret_hash(self) -> bytes:
        """SHA-256 of the secret; no slower hash is needed, since it has 256 bits of entropy."""
        return hashlib.sha256(self.secret.encode()).digest()

    def matches(self, secret_hash: bytes) -> bool:
        return hmac.compare_digest(self.secret_hash, secret_hash)
