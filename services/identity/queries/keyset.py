"""The keys that tokens are verified with."""

from dataclasses import dataclass

from services.identity.ports import TokenIssuer


@dataclass(frozen=True)
class GetKeySet:
    pass


def get_key_set(_: GetKeySet, issuer: TokenIssuer) -> bytes:
    return issuer.key_set()
