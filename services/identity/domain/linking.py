"""Accounts at other parties: who they say a user is, and which account here that leads to."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.identity.domain.errors import OauthEmailTaken, OauthEmailUnverified
from services.identity.domain.user import User

FLOW_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True)
class Flow:
    """A sign-in that was begun. State and secret are kept as hashes, nonce and verifier sealed."""

    state_hash: str
    provider: str
    secret_hash: str
    sealed: str
    begun_at: datetime
    # The signed-in user who wants to link; empty for a sign-in.
    user_id: str = ""

    def admits(self, provider: str, secret_hash: str, now: datetime) -> bool:
        same = self.provider == provider and self.secret_hash == secret_hash
        return same and now < self.begun_at + FLOW_LIFETIME


@dataclass(frozen=True)
class Vouched:
    """What a provider says of somebody, and the tokens that it gave for them."""

    subject: str
    email: str
    email_verified: bool
    name: str
    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class LinkedAccount:
    """Known by (provider, subject), and by no address: those change hands. Tokens are sealed."""

    id: str
    user_id: str
    provider: str
    subject: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    linked_at: datetime


def refuse_unproven(vouched: Vouched, local: User | None) -> None:
    """An address links accounts only if it was proven on both sides: whoever registered it here first without proving
    it may be somebody who lies in wait for its owner."""
    # What is no address could be somebody's username.
    if "@" not in vouched.email or not vouched.email_verified:
        raise OauthEmailUnverified
    if local is not None and local.email_verified_at is None:
        raise OauthEmailTaken
