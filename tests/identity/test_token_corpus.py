"""Tokens that somebody might try: none is accepted, and none makes the service fall over."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import grpc
import jwt
import pytest
from campus.identity.v1.session_service_pb2 import ListSessionsRequest
from campus.identity.v1.session_service_pb2_grpc import SessionServiceStub
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.harness.serving import AUDIENCE, ISSUER, KID, Served, Signer

HEADER = {"alg": "EdDSA", "kid": KID, "typ": "at+jwt"}
Made = Callable[[Signer], str]


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    base = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "sid": "s1", "iat": now, "exp": now + 600, "roles": ["admin"]}
    return {name: value for name, value in (base | changes).items() if value is not None}


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def signed(header: dict[str, Any], payload: dict[str, Any] | Any, sign: Callable[[bytes], bytes]) -> str:
    body = f"{part({name: value for name, value in header.items() if value is not None})}.{part(payload)}"
    return f"{body}.{base64.urlsafe_b64encode(sign(body.encode())).decode().rstrip('=')}"


def by_us(changes: dict[str, Any] | None = None, **payload: Any) -> Made:
    """Signed by the right key, with this in the header and that in the payload."""
    return lambda signer: signed(HEADER | (changes or {}), claims(**payload), signer.key.sign)


def public(signer: Signer) -> bytes:
    return signer.key.public_key().public_bytes_raw()


def by_another(key: Any, algorithm: str, **header: Any) -> Made:
    return lambda _: jwt.encode(claims(), key, algorithm=algorithm, headers=HEADER | {"alg": algorithm} | header)


def good(signer: Signer) -> str:
    return signed(HEADER, claims(), signer.key.sign)


STRANGER = Ed25519PrivateKey.generate()
STRANGERS_JWK = {
    "kty": "OKP",
    "crv": "Ed25519",
    "kid": KID,
    "x": base64.urlsafe_b64encode(STRANGER.public_key().public_bytes_raw()).decode().rstrip("="),
}
NOW = time.time()
CORPUS: dict[str, Made] = {
    "alg none": lambda _: f"{part(HEADER | {'alg': 'none'})}.{part(claims())}.",
    "alg None": lambda _: f"{part(HEADER | {'alg': 'None'})}.{part(claims())}.",
    "alg nOnE with a signature": by_us({"alg": "nOnE"}),
    "no alg": by_us({"alg": None}),
    "alg of another kind": by_us({"alg": 7}),
    "HS256 by the public key": lambda s: signed(
        HEADER | {"alg": "HS256"}, claims(), lambda m: hmac.digest(public(s), m, "sha256")
    ),
    "HS256 by the key set": lambda s: signed(
        HEADER | {"alg": "HS256"}, claims(), lambda m: hmac.digest(s.key_set(), m, "sha256")
    ),
    "HS512 by nothing": lambda s: signed(HEADER | {"alg": "HS512"}, claims(), lambda m: hmac.digest(b"", m, "sha512")),
    "RS256": by_another(rsa.generate_private_key(65537, 2048), "RS256"),
    "ES256": by_another(ec.generate_private_key(ec.SECP256R1()), "ES256"),
    "a stranger's key": by_another(STRANGER, "EdDSA"),
    "another curve": by_another(Ed448PrivateKey.generate(), "EdDSA"),
    "the stranger's key in jwk": by_another(STRANGER, "EdDSA", jwk=STRANGERS_JWK),
    "jku": by_another(STRANGER, "EdDSA", jku="http://127.0.0.1:9/keys"),
    "x5u": by_another(STRANGER, "EdDSA", x5u="http://127.0.0.1:9/cert"),
    "x5c": by_another(STRANGER, "EdDSA", x5c=["AAAA"]),
    "kid of no key": by_us({"kid": "removed"}),
    "kid as a path": by_us({"kid": "../../../../dev/null"}),
    "kid as SQL": by_us({"kid": "' OR 1=1 --"}),
    "kid with a zero": by_us({"kid": "test-key\0"}),
    "kid of another kind": by_us({"kid": 1}),
    "kid as a list": by_us({"kid": [KID]}),
    "no kid": by_us({"kid": None}),
    "crit of something unknown": by_us({"crit": ["x"], "x": 1}),
    "typ JWT": by_us({"typ": "JWT"}),
    "no typ": by_us({"typ": None}),
    "an id token": by_us({"typ": "JWT"}, nonce="n", aud="campus-local"),
    "no exp": by_us(exp=None),
    "exp as text": by_us(exp="tomorrow"),
    "exp without end": by_us(exp=1e400),
    "expired": by_us(iat=int(NOW) - 900, exp=int(NOW) - 60),
    "not yet": by_us(nbf=int(NOW) + 3600),
    "issued in the future": by_us(iat=int(NOW) + 3600, exp=int(NOW) + 7200),
    "another issuer": by_us(iss="https://evil.example"),
    "no issuer": by_us(iss=None),
    "another audience": by_us(aud="elsewhere"),
    "no audience": by_us(aud=None),
    "no subject": by_us(sub=None),
    "subject of another kind": by_us(sub=5),
    "no session": by_us(sid=None),
    "session of another kind": by_us(sid=["s1"]),
    "no roles": by_us(roles=None),
    "roles as text": by_us(roles="admin"),
    "roles of another kind": by_us(roles=[{"admin": True}]),
    "payload that is no object": lambda s: signed(HEADER, ["admin"], s.key.sign),
    "changed after it was signed": lambda s: ".".join(
        [good(s).split(".")[0], part(claims(sub="u2")), good(s).split(".")[2]]
    ),
    "signature cut short": lambda s: good(s)[:-10],
    "no signature": lambda s: good(s).rpartition(".")[0] + ".",
    "two parts": lambda s: good(s).rpartition(".")[0],
    "four parts": lambda s: good(s) + ".x",
    "no base64": lambda s: "!!!." + good(s).partition(".")[2],
    "nothing": lambda _: "",
    "twice": lambda s: f"{good(s)}, Bearer {good(s)}",
    "its hash": lambda s: hashlib.sha256(good(s).encode()).hexdigest(),
    "a good one with 10 KiB of claims and a bad signature": lambda s: signed(
        HEADER, claims(filler="x" * 7000), lambda m: s.key.sign(m + b"x")
    ),
}


def answer(identity: Served, token: str) -> grpc.StatusCode:
    try:
        identity.with_token(SessionServiceStub, token).ListSessions(ListSessionsRequest())
    except grpc.RpcError as error:
        return code_of(error)
    return grpc.StatusCode.OK


def code_of(error: grpc.RpcError) -> grpc.StatusCode:
    assert isinstance(error, grpc.Call)
    return error.code()


def test_no_token_of_the_corpus_is_accepted_nor_makes_a_fault(identity: Served) -> None:
    assert len(CORPUS) >= 40
    answers = {name: answer(identity, make(identity.signer)) for name, make in CORPUS.items()}
    assert {name: code.name for name, code in answers.items() if code is not grpc.StatusCode.UNAUTHENTICATED} == {}


def test_a_token_of_a_mebibyte_is_turned_away(identity: Served) -> None:
    huge = signed(HEADER, claims(filler="x" * (1 << 20)), identity.signer.key.sign)
    assert answer(identity, huge) in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)


def test_the_same_token_unspoilt_is_accepted(identity: Served) -> None:
    user_id = "0197a1f0-0000-7000-8000-000000000000"
    token = signed(HEADER, claims(sub=user_id, sid=user_id), identity.signer.key.sign)
    assert answer(identity, token) is grpc.StatusCode.OK


@pytest.mark.parametrize("scheme", ["Basic", "Bearers", "Token"])
def test_another_scheme_is_no_bearer_token(identity: Served, scheme: str) -> None:
    channel = identity.channel("gateway", ("authorization", f"{scheme} {good(identity.signer)}"))
    with pytest.raises(grpc.RpcError) as refusal:
        SessionServiceStub(channel).ListSessions(ListSessionsRequest())
    assert isinstance(refusal.value, grpc.Call)
    assert refusal.value.code() is grpc.StatusCode.UNAUTHENTICATED
