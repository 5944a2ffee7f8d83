"""One sign-in: a request is opened, a person chosen or not, and the browser sent back with the outcome."""

import hashlib
import secrets
from dataclasses import dataclass, replace

from deploy.local.standins.oidc import authorization
from deploy.local.standins.oidc.authorization import Asked, Return
from deploy.local.standins.oidc.clients import Clients
from deploy.local.standins.oidc.codes import Codes, challenge_of
from deploy.local.standins.oidc.faults import Faults
from deploy.local.standins.oidc.identities import Identities, Identity
from deploy.local.standins.oidc.params import Params
from deploy.local.standins.oidc.refusals import SentBack
from deploy.local.standins.oidc.tokens import Tokens


@dataclass(frozen=True)
class Opened:
    """A request that waits for a person."""

    back: Return
    asked: Asked


@dataclass(frozen=True)
class Redirect:
    """The end of a sign-in."""

    location: str


class SignIn:
    def __init__(
        self, issuer: str, clients: Clients, identities: Identities, codes: Codes, tokens: Tokens, faults: Faults
    ) -> None:
        self._issuer, self._clients, self._identities = issuer, clients, identities
        self._codes, self._tokens, self._faults = codes, tokens, faults

    def open(self, encoded: str) -> Opened | Redirect:
        """Judge an authorization request, given as its query."""
        params = Params(encoded)
        back = authorization.way_back(params, self._clients)
        try:
            return Opened(back, authorization.read(params))
        except SentBack as refusal:
            return self._refused(back, refusal)

    def accept(self, opened: Opened, identity: Identity) -> Redirect:
        """The person signs in and lets the client know what it asked for."""
        back, asked = opened.back, opened.asked
        fresh = self._tokens.consent(back.client.id, identity.sub, again="consent" in asked.prompts)
        # As at Google, a refresh token comes with the consent, not with each sign-in.
        code = self._codes.issue(back, asked, identity.sub, offline=asked.offline and fresh)
        if fault := self._faults.take("swapped_code"):
            code = self._of_somebody_else(opened, fault.saying("mallory@example.com"))
        told = {"scope": " ".join(asked.scopes), "authuser": "0", "hd": identity.hd}
        return self._back(back, {"code": code, **told, "prompt": "consent" if fresh else "none"})

    def cancel(self, opened: Opened) -> Redirect:
        return self._refused(opened.back, SentBack("access_denied", "The person did not agree"))

    def _refused(self, back: Return, refusal: SentBack) -> Redirect:
        return self._back(back, {"error": refusal.error, "error_description": refusal.description})

    def _back(self, back: Return, answer: dict[str, str | None]) -> Redirect:
        state: str | None = back.state
        issuer: str | None = self._issuer
        if self._faults.take("wrong_state"):
            state = secrets.token_urlsafe(24)
        if self._faults.take("missing_state"):
            state = None
        if fault := self._faults.take("wrong_response_issuer"):
            issuer = fault.saying("https://issuer.invalid")
        if self._faults.take("missing_response_issuer"):
            issuer = None
        return Redirect(back.location({"state": state, "iss": issuer, **answer}))

    def _of_somebody_else(self, opened: Opened, email: str) -> str:
        """What an attacker injects: a good code, got by a sign-in of his own at the same client."""
        attacker = self._identities.meet({"email": email})
        nonce, challenge = secrets.token_urlsafe(16), challenge_of(hashlib.sha256(secrets.token_bytes(16)).hexdigest())
        asked = replace(opened.asked, nonce=nonce, challenge=challenge)
        return self._codes.issue(opened.back, asked, attacker.sub, offline=False)
