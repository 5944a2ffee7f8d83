"""The authorization request: what a client may ask for, read and judged before anybody is asked to sign in."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

from deploy.local.standins.oidc.clients import Client, Clients
from deploy.local.standins.oidc.params import Params
from deploy.local.standins.oidc.refusals import SentBack, Untrusted

SCOPES = ("openid", "email", "profile")
# Google also knows the scopes by these names.
_LONG_NAMES = {f"https://www.googleapis.com/auth/userinfo.{name}": name for name in ("email", "profile")}
_UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
_PROMPTS = {"none", "login", "consent", "select_account"}
# What SHA-256 gives in base64url.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Return:
    """Where the browser goes back to, and what it carries there whatever the outcome."""

    client: Client
    redirect_uri: str
    state: str | None

    def location(self, answer: dict[str, str | None]) -> str:
        carried = {name: value for name, value in answer.items() if value is not None}
        return f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{urlencode(carried)}"


@dataclass(frozen=True)
class Asked:
    """A request that may be granted."""

    scopes: tuple[str, ...]
    challenge: str
    nonce: str | None
    offline: bool
    prompts: frozenset[str] = field(default_factory=frozenset)
    login_hint: str | None = None
    tell_time: bool = False


def way_back(params: Params, clients: Clients) -> Return:
    """Who asks, and where the answer may be sent: nothing is redirected before this is certain."""
    client_id, redirect_uri = params.get("client_id"), params.get("redirect_uri")
    if client_id is None:
        raise Untrusted("invalid_request", "Missing required parameter: client_id")
    client = clients.find(client_id)
    if client is None:
        raise Untrusted("invalid_client", "The OAuth client was not found.")
    if redirect_uri is None:
        raise Untrusted("invalid_request", "Missing required parameter: redirect_uri")
    # Compared character by character: a prefix, another port or an added slash is another URI.
    if redirect_uri not in client.redirect_uris:
        raise Untrusted("redirect_uri_mismatch", f"{redirect_uri} is not registered for {client_id}.")
    return Return(client, redirect_uri, params.get("state"))


def read(params: Params) -> Asked:
    """The rest of the request; what is wrong with it is told to the client."""
    if params.repeated:
        raise SentBack("invalid_request", "A parameter is given more than once")
    for name, error in _UNSUPPORTED.items():
        if params.get(name) is not None:
            raise SentBack(error, f"The parameter {name} is not supported")
    _check_response(params)
    prompts = _prompts(params)
    if params.get("access_type") not in (None, "online", "offline"):
        raise SentBack("invalid_request", "access_type is online or offline")
    max_age = params.get("max_age")
    if max_age is not None and not (max_age.isascii() and max_age.isdecimal()):
        raise SentBack("invalid_request", "max_age is a number of seconds")
    return Asked(
        scopes=_scopes(params),
        challenge=_challenge(params),
        nonce=params.get("nonce"),
        offline=params.get("access_type") == "offline",
        prompts=prompts,
        login_hint=params.get("login_hint"),
        tell_time=max_age is not None,
    )


def _check_response(params: Params) -> None:
    response_type = params.get("response_type")
    if response_type is None:
        raise SentBack("invalid_request", "Missing required parameter: response_type")
    if response_type != "code":
        raise SentBack("unsupported_response_type", "The only response_type is code")
    if params.get("response_mode") not in (None, "query"):
        raise SentBack("invalid_request", "The only response_mode is query")


def _prompts(params: Params) -> frozenset[str]:
    prompts = frozenset((params.get("prompt") or "").split())
    if prompts - _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise SentBack("invalid_request", "prompt is none, or some of login, consent, select_account")
    if "none" in prompts:
        # Nobody is ever signed in here beforehand: each request shows the picker.
        raise SentBack("login_required", "Nobody is signed in")
    return prompts


def _scopes(params: Params) -> tuple[str, ...]:
    asked = {_LONG_NAMES.get(name, name) for name in (params.get("scope") or "").split()}
    if not asked:
        raise SentBack("invalid_request", "Missing required parameter: scope")
    if asked - set(SCOPES):
        raise SentBack("invalid_scope", f"The scopes are {', '.join(SCOPES)}")
    return tuple(name for name in SCOPES if name in asked)


def _challenge(params: Params) -> str:
    challenge = params.get("code_challenge")
    if challenge is None:
        raise SentBack("invalid_request", "Missing required parameter: code_challenge")
    if params.get("code_challenge_method") != "S256":
        raise SentBack("invalid_request", "The only code_challenge_method is S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise SentBack("invalid_request", "code_challenge is no SHA-256 in base64url")
    return challenge
