"""Sign-ins by other parties between the contract's messages and identity's own types."""

from http.cookies import CookieError, SimpleCookie

import grpc
from campus.identity.v1 import oauth_service_pb2 as pb

from services.identity import commands, queries
from services.identity.domain.linking import FLOW_LIFETIME
from services.identity.wire import caller
from services.identity.wire.times import timestamp

COOKIE = "campus_oauth"


def to_finish(request: pb.FinishOAuthRequest, context: grpc.ServicerContext) -> commands.FinishOAuth:
    return commands.FinishOAuth(
        request.provider,
        request.code,
        request.state,
        request.flow_secret or _cookie(context),
        request.iss,
        request.error,
        caller.device(context),
    )


def cookie_of(flow: commands.BegunFlow, secure: bool) -> tuple[str, str]:
    """The header that lets the browser be known again; Lax, because it comes back from another site."""
    lifetime = int(FLOW_LIFETIME.total_seconds())
    kept = f"{COOKIE}={flow.secret}; Path=/v1/oauth; Max-Age={lifetime}; HttpOnly; SameSite=Lax"
    return "set-cookie", f"{kept}; Secure" if secure else kept


def flow(begun: commands.BegunFlow) -> pb.OAuthFlow:
    return pb.OAuthFlow(authorization_url=begun.url, flow_secret=begun.secret)


def linked_accounts(found: list[queries.LinkedAccountRow]) -> pb.ListLinkedAccountsResponse:
    accounts = [
        pb.LinkedAccount(account_id=row.id, provider=row.provider, linked_at=timestamp(row.linked_at)) for row in found
    ]
    return pb.ListLinkedAccountsResponse(accounts=accounts)


def _cookie(context: grpc.ServicerContext) -> str:
    try:
        held = SimpleCookie("; ".join(caller.values(context, "cookie"))).get(COOKIE)
    except CookieError:
        return ""
    return held.value if held else ""
