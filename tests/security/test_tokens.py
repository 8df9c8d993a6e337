"""Forged, stolen and stale proofs of identity (RFC 8725, and the holes that others had)."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from jose import jwt

from core.errors import Unauthenticated
from core.tokens import ALGORITHM, AUDIENCE, ISSUER, TYPE, OpaqueToken, TokenSigner

SECRET = "a secret of the tests, long enough"
USER, SESSION = uuid4(), uuid4()


@pytest.fixture
def signer() -> TokenSigner:
    return TokenSigner(SECRET, 900)


def claims(**changes: object) -> dict[str, object]:
    now = int(datetime.now(UTC).timestamp())
    valid = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(USER),
        "sid": str(SESSION),
        "role": "USER",
        "iat": now,
        "exp": now + 900,
        "jti": str(uuid4()),
    }
    return {name: value for name, value in (valid | changes).items() if value is not None}


def header(**changes: object) -> dict[str, object]:
    key_id = hashlib.sha256(SECRET.encode()).hexdigest()[:16]
    return {"alg": ALGORITHM, "typ": TYPE, "kid": key_id} | changes


def encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forge(head: dict[str, object], body: dict[str, object], secret: str = SECRET) -> str:
    """Signed by hand, so that no library refuses to write what must be refused when read."""
    signed = f"{encode(head)}.{encode(body)}"
    digest = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def test_the_forge_makes_tokens_that_pass(signer: TokenSigner) -> None:
    assert signer.verify(forge(header(), claims())).user_id == USER


def test_an_issued_token_comes_back_whole(signer: TokenSigner) -> None:
    issued = signer.issue(USER, "USER", SESSION)
    principal = signer.verify(issued.token)
    assert (principal.user_id, principal.session_id) == (USER, SESSION)
    assert principal.expires_at == issued.expires_at


past = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
FORGERIES = {
    "another key": forge(header(), claims(), "another secret, just as long as ours"),
    "no signature": forge(header(), claims()).rsplit(".", 1)[0] + ".",
    "alg none": f"{encode(header(alg='none'))}.{encode(claims())}.",
    "alg None": forge(header(alg="None"), claims()),
    "alg HS512 in the header": forge(header(alg="HS512"), claims()),
    "alg RS256 in the header": forge(header(alg="RS256"), claims()),
    "expired": forge(header(), claims(exp=past)),
    "never expires": forge(header(), claims(exp=None)),
    "expiry that is no number": forge(header(), claims(exp="tomorrow")),
    "another issuer": forge(header(), claims(iss="somebody")),
    "no issuer": forge(header(), claims(iss=None)),
    "another audience": forge(header(), claims(aud="another-api")),
    "no audience": forge(header(), claims(aud=None)),
    "no subject": forge(header(), claims(sub=None)),
    "a subject that is no id": forge(header(), claims(sub="admin")),
    "no token id": forge(header(), claims(jti=None)),
    "no session": forge(header(), claims(sid=None)),
    "a file token": forge(header(typ="file+jwt"), claims()),
    "no type": forge({"alg": ALGORITHM}, claims()),
    "another key id": forge(header(kid="0" * 16), claims()),
    "a key from the header": forge(header(jwk={"kty": "oct", "k": "AAAA"}, kid="x"), claims()),
    "claims that are a list": forge(header(), []),  # type: ignore[arg-type]
    "a changed claim": ".".join(
        [
            forge(header(), claims()).split(".")[0],
            encode(claims(role="ADMIN")),
            forge(header(), claims()).split(".")[2],
        ]
    ),
    "encrypted (five parts)": "a.b.c.d.e",
    "empty": "",
    "not even close": "💥",
}


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES.keys())
def test_forged_access_tokens_are_refused(signer: TokenSigner, token: str) -> None:
    with pytest.raises(Unauthenticated):
        signer.verify(token)


def test_a_compressed_bomb_is_refused_without_unpacking(signer: TokenSigner) -> None:
    """CVE-2024-33664: an encrypted token that inflates."""
    head = encode({"alg": "dir", "enc": "A128GCM", "zip": "DEF"})
    with pytest.raises(Unauthenticated):
        signer.verify(f"{head}..{'A' * 16}.{'A' * 1000}.{'A' * 16}")


def test_an_access_token_opens_no_file_and_a_file_token_no_account(signer: TokenSigner) -> None:
    access = signer.issue(USER, "USER", SESSION).token
    file = signer.issue_file(USER, uuid4(), timedelta(minutes=1))
    with pytest.raises(Unauthenticated):
        signer.verify_file(access)
    with pytest.raises(Unauthenticated):
        signer.verify(file)


def test_python_jose_itself_agrees_on_the_token(signer: TokenSigner) -> None:
    token = signer.issue(USER, "USER", SESSION).token
    read = jwt.decode(token, SECRET, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER)
    assert read["sub"] == str(USER)


@pytest.mark.parametrize(
    "text",
    ["", "lrt", "lrt_x_y_z", "lak_" + "0" * 32 + "_" + "0" * 32 + "_s", "lrt_" + "_" * 99],
)
def test_malformed_opaque_tokens_are_no_tokens(text: str) -> None:
    assert OpaqueToken.parse("lrt", text) is None


def test_an_opaque_token_survives_its_text() -> None:
    token = OpaqueToken.new("lrt", UUID(int=7))
    read = OpaqueToken.parse("lrt", str(token))
    assert read == token
    assert read is not None
    assert read.matches(token.secret_hash)
    assert not OpaqueToken.new("lrt", UUID(int=7)).matches(token.secret_hash)
