"""Two independent judges: Authlib's OpenID Connect client, and PyJWT with its client of key sets."""

from typing import Any

import jwt
from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OpenIDMixin  # type: ignore[import-untyped]
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]

from tests.deploy.standins.oidc.provider import CALLBACK, CLIENT_ID, Provider


class RelyingParty(OAuth2Mixin, OpenIDMixin, BaseApp):  # type: ignore[misc]
    """Authlib's own flow, configured by the discovery document alone."""

    client_cls = OAuth2Session


def relying_party(provider: Provider, **options: Any) -> Any:
    options = {"scope": "openid email profile", "code_challenge_method": "S256", **options}
    return RelyingParty(
        framework=None,
        name="campus",
        client_id=CLIENT_ID,
        client_secret=provider.secret,
        server_metadata_url=f"{provider.url}/.well-known/openid-configuration",
        client_kwargs=options,
    )


def authlib_sign_in(provider: Provider, identity: dict[str, Any], **options: Any) -> tuple[Any, Any]:
    """What Authlib makes of a sign-in: the token response, and the claims it has checked."""
    party = relying_party(provider, **options)
    started = party.create_authorization_url(CALLBACK)
    location = provider.control("POST", "/authorize", {"query": started["url"], "identity": identity})["location"]
    token = party.fetch_access_token(
        CALLBACK, authorization_response=location, state=started["state"], code_verifier=started["code_verifier"]
    )
    return token, party.parse_id_token(token, nonce=started["nonce"], leeway=0)


class KeyJudge:
    """Keeps its key set, so that it shows what a client with yesterday's keys goes through."""

    def __init__(self, provider: Provider, cooldown_seconds: float = 0) -> None:
        self._issuer = provider.url
        keys, lifespan = f"{provider.url}/oauth2/v3/certs", 3600
        self._keys = jwt.PyJWKClient(keys, lifespan=lifespan, cooldown_duration=cooldown_seconds)

    def claims(self, id_token: str, nonce: str | None = None) -> dict[str, Any]:
        claims = jwt.decode(
            id_token,
            self._keys.get_signing_key_from_jwt(id_token),
            algorithms=["RS256"],
            audience=CLIENT_ID,
            issuer=self._issuer,
            options={"require": ["iss", "aud", "azp", "sub", "iat", "exp"]},
        )
        assert claims["azp"] == CLIENT_ID
        if nonce is not None and claims.get("nonce") != nonce:
            raise jwt.InvalidTokenError("nonce")
        return claims
