"""What clients call themselves: tokens, revocation, userinfo, keys and the discovery document."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deploy.local.standins.oidc.authorization import SCOPES
from deploy.local.standins.oidc.clients import Client, Clients
from deploy.local.standins.oidc.codes import Codes
from deploy.local.standins.oidc.faults import Faults
from deploy.local.standins.oidc.id_tokens import IdTokens, claims_about
from deploy.local.standins.oidc.identities import Identities, Identity
from deploy.local.standins.oidc.keys import KeyRing
from deploy.local.standins.oidc.params import Params, form
from deploy.local.standins.oidc.picker import AUTHORIZATION_PATH
from deploy.local.standins.oidc.refusals import NO_STORE, OAuthError
from deploy.local.standins.oidc.tokens import ACCESS_SECONDS, Token, Tokens

_CACHEABLE = {"Cache-Control": "public, max-age=3600, must-revalidate"}


class TokenEndpoint:
    """`/token` and `/revoke`."""

    def __init__(
        self, clients: Clients, identities: Identities, codes: Codes, tokens: Tokens, id_tokens: IdTokens
    ) -> None:
        self._clients, self._identities, self._codes = clients, identities, codes
        self._tokens, self._id_tokens = tokens, id_tokens

    async def token(self, request: Request) -> Response:
        params = await form(request)
        client = self._clients.authenticated(request.headers.get("authorization"), params)
        grant_type = params.required("grant_type")
        if grant_type == "authorization_code":
            body = self._for_code(client, params)
        elif grant_type == "refresh_token":
            body = self._for_refresh_token(client, params)
        else:
            raise OAuthError("unsupported_grant_type", "The grant types are authorization_code, refresh_token")
        return JSONResponse(body, headers=NO_STORE)

    def _for_code(self, client: Client, params: Params) -> dict[str, Any]:
        code, redirect_uri = params.required("code"), params.required("redirect_uri")
        redeemed = self._codes.redeem(code, client, redirect_uri, params.get("code_verifier"))
        identity = self._owner(redeemed.sub)
        access, refresh = self._tokens.first(redeemed)
        body = self._told(client, identity, access, redeemed.scopes, redeemed.nonce, redeemed.auth_time)
        return body if refresh is None else {**body, "refresh_token": refresh}

    def _for_refresh_token(self, client: Client, params: Params) -> dict[str, Any]:
        known = self._tokens.find(params.required("refresh_token"), "refresh")
        if known is None or known.client != client.id:
            raise OAuthError("invalid_grant", "Token has been expired or revoked.")
        asked = (params.get("scope") or " ".join(known.scopes)).split()
        if set(asked) - set(known.scopes):
            raise OAuthError("invalid_scope", "The scope goes beyond what was granted.")
        scopes = tuple(name for name in known.scopes if name in asked)
        of = Token("access", known.code, client.id, known.sub, scopes, known.auth_time)
        return self._told(client, self._owner(known.sub), self._tokens.access(of), scopes, None, known.auth_time)

    def _owner(self, sub: str) -> Identity:
        identity = self._identities.find(sub)
        if identity is None:
            raise OAuthError("invalid_grant", "Account has been deleted")
        return identity

    def _told(
        self,
        client: Client,
        identity: Identity,
        access: str,
        scopes: tuple[str, ...],
        nonce: str | None,
        auth_time: int | None,
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "access_token": access,
            "expires_in": ACCESS_SECONDS,
            "scope": " ".join(scopes),
            "token_type": "Bearer",
        }
        if "openid" in scopes:
            body["id_token"] = self._id_tokens.issue(identity, client.id, scopes, access, nonce, auth_time)
        return body

    async def revoke(self, request: Request) -> Response:
        """As at Google the token itself is enough, but a client that names itself has to prove it."""
        params = await form(request)
        header = request.headers.get("authorization")
        token = self._tokens.find(params.required("token"))
        if header is not None or params.get("client_id") is not None or params.get("client_secret") is not None:
            client = self._clients.authenticated(header, params)
            token = token if token is not None and token.client == client.id else None
        if token is None:
            raise OAuthError("invalid_token", "Token expired or revoked")
        self._tokens.disconnect(token.sub, token.client)
        return JSONResponse({}, headers=NO_STORE)


class Documents:
    """What may be read: about the provider by anybody, about a person by whoever holds a token."""

    def __init__(self, issuer: str, keys: KeyRing, identities: Identities, tokens: Tokens, faults: Faults) -> None:
        self._issuer, self._keys = issuer, keys
        self._identities, self._tokens, self._faults = identities, tokens, faults

    async def keys(self, _: Request) -> Response:
        return JSONResponse(self._keys.published(), headers=_CACHEABLE)

    async def userinfo(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise OAuthError("invalid_request", "Send the access token as a bearer token", 401, "Bearer")
        known = self._tokens.find(token.strip(), "access")
        identity = None if known is None else self._identities.find(known.sub)
        if known is None or identity is None:
            raise OAuthError("invalid_token", "Invalid Credentials", 401, 'Bearer error="invalid_token"')
        if "openid" not in known.scopes:
            challenge = 'Bearer error="insufficient_scope", scope="openid"'
            raise OAuthError("insufficient_scope", "The token lacks the scope openid", 403, challenge)
        claims = claims_about(identity, known.scopes, self._issuer)
        if self._faults.take("wrong_subject"):
            claims["sub"] = claims["sub"][::-1] + "0"
        return JSONResponse(claims, headers=NO_STORE)

    async def discovery(self, _: Request) -> Response:
        fault = self._faults.take("wrong_discovery_issuer")
        issuer = self._issuer if fault is None else fault.saying("https://issuer.invalid")
        return JSONResponse({"issuer": issuer, **self._endpoints(), **_ABILITIES}, headers=_CACHEABLE)

    def _endpoints(self) -> dict[str, str]:
        paths = {
            "authorization_endpoint": AUTHORIZATION_PATH,
            "token_endpoint": "/token",
            "userinfo_endpoint": "/v1/userinfo",
            "revocation_endpoint": "/revoke",
            "jwks_uri": "/oauth2/v3/certs",
        }
        return {name: self._issuer + path for name, path in paths.items()}


_ABILITIES = {
    "response_types_supported": ["code"],
    "response_modes_supported": ["query"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "scopes_supported": list(SCOPES),
    "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
    "claims_supported": [
        *("aud", "azp", "email", "email_verified", "exp", "family_name", "given_name", "hd", "iat", "iss", "name"),
        *("nonce", "picture", "sub"),
    ],
    "claims_parameter_supported": False,
    "request_parameter_supported": False,
    "request_uri_parameter_supported": False,
}
