"""Who is let in: tokens, keys, revocations and the rules of the contract."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from campus.identity.v1 import auth_service_pb2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import descriptor_pb2, descriptor_pool

from services.chassis.access import REFETCH_SECONDS, REFRESH_SECONDS, KeySet, Revocations, Tokens, rule_of
from services.chassis.errors import SessionRevoked, TokenExpired, TokenInvalid
from services.kernel.errors import DependencyUnavailable
from tests.harness.serving import AUDIENCE, ISSUER, KID, Signer

NOW = datetime.now(UTC)


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def revocations() -> Revocations:
    return Revocations()


@pytest.fixture
def tokens(signer: Signer, revocations: Revocations) -> Tokens:
    return Tokens(KeySet(signer.key_set), ISSUER, AUDIENCE, revocations)


def test_a_good_token_says_who_calls(tokens: Tokens, signer: Signer) -> None:
    who = tokens.principal(f"Bearer {signer.token('u1', ['student', 'admin'])}")
    assert (who.user_id, who.roles, who.session_id) == ("u1", frozenset({"student", "admin"}), "session-of-u1")
    assert who.name == "user:u1"


def forged(signer: Signer, header: dict[str, Any], key: Any = None, algorithm: str = "EdDSA", **claims: Any) -> str:
    now = int(time.time())
    payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "sid": "s1", "iat": now, "exp": now + 60, "roles": []}
    return jwt.encode(payload | claims, key or signer.key, algorithm, headers={"typ": "at+jwt", "kid": KID} | header)


def unsigned(signer: Signer) -> str:
    _, payload, _ = signer.token("u1").split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "at+jwt", "kid": KID}).encode()).decode()
    return f"{header.rstrip('=')}.{payload}."


def wrong_tokens(signer: Signer) -> dict[str, str]:
    public = signer.key.public_key().public_bytes_raw()
    return {
        "no scheme": signer.token("u1"),
        "another scheme": f"Basic {signer.token('u1')}",
        "empty": "Bearer ",
        "not a token": "Bearer abc",
        "not base64": "Bearer a.b.c",
        "huge": f"Bearer {'a' * (1 << 20)}",
        "alg none": f"Bearer {unsigned(signer)}",
        "public key as secret": f"Bearer {forged(signer, {}, public, 'HS256')}",
        "unknown key": f"Bearer {forged(signer, {'kid': 'other'})}",
        "key id as path": f"Bearer {forged(signer, {'kid': '../../etc/passwd'})}",
        "another's key": f"Bearer {forged(signer, {}, Ed25519PrivateKey.generate())}",
        "key in the header": f"Bearer {forged(signer, {'jwk': {'kty': 'OKP'}}, Ed25519PrivateKey.generate())}",
        "an id token": f"Bearer {forged(signer, {'typ': 'JWT'})}",
        "no type": f"Bearer {forged(signer, {'typ': None})}",
        "another audience": f"Bearer {signer.token('u1', aud='elsewhere')}",
        "another issuer": f"Bearer {signer.token('u1', iss='https://elsewhere')}",
        "no expiry": f"Bearer {signer.token('u1', exp=None)}",
        "no subject": f"Bearer {signer.token('u1', sub=None)}",
        "no session": f"Bearer {signer.token('u1', sid=None)}",
        "not yet": f"Bearer {signer.token('u1', nbf=int(time.time()) + 60)}",
        "issued in the future": f"Bearer {signer.token('u1', iat=int(time.time()) + 60)}",
        "roles are no list": f"Bearer {forged(signer, {}, roles='admin')}",
        "roles are no words": f"Bearer {forged(signer, {}, roles=[1])}",
        "session is no word": f"Bearer {forged(signer, {}, sid=7)}",
    }


@pytest.mark.parametrize("name", list(wrong_tokens(Signer())))
def test_a_token_that_is_not_ours_in_every_respect_is_refused(tokens: Tokens, signer: Signer, name: str) -> None:
    with pytest.raises(TokenInvalid):
        tokens.principal(wrong_tokens(signer)[name])


def test_an_expired_token_is_refused_also_when_it_was_good_before(signer: Signer, tokens: Tokens) -> None:
    with pytest.raises(TokenExpired):
        tokens.principal(f"Bearer {signer.token('u1', exp=int(time.time()) - 6)}")
    late = f"Bearer {signer.token('u1', exp=int(time.time()) - 4)}"  # within the leeway, for one more second
    assert tokens.principal(late).user_id == "u1"
    deadline = time.monotonic() + 5
    with pytest.raises(TokenExpired):
        while time.monotonic() < deadline:
            tokens.principal(late)


def test_a_revoked_session_is_refused_although_its_token_was_verified_before(
    tokens: Tokens, signer: Signer, revocations: Revocations
) -> None:
    token = f"Bearer {signer.token('u1')}"
    assert tokens.principal(token)
    revocations.add("session-of-u1", NOW + timedelta(minutes=10))
    with pytest.raises(SessionRevoked):
        tokens.principal(token)


def test_a_revocation_is_forgotten_once_no_token_can_be_alive(revocations: Revocations) -> None:
    revocations.add("old", NOW - timedelta(minutes=1))
    revocations.add("new", NOW + timedelta(minutes=1))
    assert "new" in revocations
    assert "old" not in revocations


class Keys:
    """Identity's key service, which may be down, and the time."""

    def __init__(self) -> None:
        self.signers, self.fetched, self.now, self.down = [Signer()], 0, 0.0, False

    def fetch(self) -> bytes:
        self.fetched += 1
        if self.down:
            raise DependencyUnavailable
        return self.signers[0].key_set()


def test_keys_are_fetched_seldom_whatever_comes_in() -> None:
    keys = Keys()
    found = KeySet(keys.fetch, lambda: keys.now)
    assert found.key(KID).key_id == KID
    for _ in range(100):
        with pytest.raises(TokenInvalid):
            found.key("unknown")
    assert keys.fetched == 1
    keys.now += REFETCH_SECONDS + 1
    for _ in range(100):
        with pytest.raises(TokenInvalid):
            found.key("unknown")
    assert keys.fetched == 2


def test_good_keys_are_kept_while_identity_is_down_and_refreshed_when_it_is_back() -> None:
    keys = Keys()
    found = KeySet(keys.fetch, lambda: keys.now)
    first = found.key(KID)
    keys.down = True
    keys.now += REFRESH_SECONDS + 1
    assert found.key(KID) is first
    keys.down, keys.signers = False, [Signer()]
    keys.now += REFRESH_SECONDS + 1
    assert found.key(KID) is not first


def test_without_any_key_the_answer_is_that_it_can_not_be_known_yet() -> None:
    keys = Keys()
    keys.down = True
    found = KeySet(keys.fetch, lambda: keys.now)
    with pytest.raises(DependencyUnavailable):
        found.key(KID)
    keys.down = False
    assert found.key(KID).key_id == KID


def test_a_method_without_a_rule_has_no_rule() -> None:
    file = descriptor_pb2.FileDescriptorProto()
    auth_service_pb2.DESCRIPTOR.CopyToProto(file)
    for method in file.service[0].method:
        method.ClearField("options")
    pool = descriptor_pool.DescriptorPool()
    for needed in _with_dependencies(auth_service_pb2.DESCRIPTOR):
        pool.Add(needed)
    pool.Add(file)
    bare = pool.FindServiceByName("campus.identity.v1.AuthService").methods[0]
    with pytest.raises(ValueError, match="has no valid access rule"):
        rule_of(bare)


def _with_dependencies(file: Any) -> list[descriptor_pb2.FileDescriptorProto]:
    found: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    for dependency in file.dependencies:
        for each in _with_dependencies(dependency):
            found[each.name] = each
        proto = descriptor_pb2.FileDescriptorProto()
        dependency.CopyToProto(proto)
        found[proto.name] = proto
    return list(found.values())
