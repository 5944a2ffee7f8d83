"""Sign-in by other parties."""

import grpc
from campus.identity.v1 import auth_service_pb2 as auth_pb
from campus.identity.v1 import oauth_service_pb2 as pb
from campus.identity.v1 import oauth_service_pb2_grpc

from services.chassis.access import principal
from services.identity import commands, queries
from services.identity.ports import PasswordHasher, Providers, Sealer, Store, TokenIssuer
from services.identity.wire import linking as wire
from services.identity.wire import sessions
from services.kernel.clock import Clock
from services.kernel.rows import Rows


class OAuthService(oauth_service_pb2_grpc.OAuthServiceServicer):
    def __init__(
        self,
        store: Store,
        rows: Rows,
        hasher: PasswordHasher,
        providers: Providers,
        sealer: Sealer,
        issuer: TokenIssuer,
        clock: Clock,
        public_url: str,
    ) -> None:
        self._store, self._rows, self._hasher, self._providers = store, rows, hasher, providers
        self._sealer, self._issuer, self._clock = sealer, issuer, clock
        self._secure = public_url.startswith("https://")

    def StartOAuth(self, request: pb.StartOAuthRequest, context: grpc.ServicerContext) -> pb.OAuthFlow:
        command = commands.StartOAuth(request.provider)
        begun = commands.start_oauth(command, self._store, self._providers, self._sealer, self._clock)
        return self._begun(begun, context)

    def StartLinking(self, request: pb.StartLinkingRequest, context: grpc.ServicerContext) -> pb.OAuthFlow:
        command = commands.StartLinking(principal().user_id, request.provider, request.password)
        begun = commands.start_linking(command, self._store, self._hasher, self._providers, self._sealer, self._clock)
        return self._begun(begun, context)

    def FinishOAuth(self, request: pb.FinishOAuthRequest, context: grpc.ServicerContext) -> auth_pb.Session:
        command = wire.to_finish(request, context)
        opened = commands.finish_oauth(command, self._store, self._providers, self._sealer, self._issuer, self._clock)
        return sessions.session(opened)

    def ListLinkedAccounts(
        self, request: pb.ListLinkedAccountsRequest, context: grpc.ServicerContext
    ) -> pb.ListLinkedAccountsResponse:
        query = queries.ListLinkedAccounts(principal().user_id)
        return wire.linked_accounts(queries.list_linked_accounts(query, self._rows))

    def UnlinkAccount(
        self, request: pb.UnlinkAccountRequest, context: grpc.ServicerContext
    ) -> pb.UnlinkAccountResponse:
        commands.unlink_account(commands.UnlinkAccount(principal().user_id, request.account_id), self._store)
        return pb.UnlinkAccountResponse()

    def _begun(self, flow: commands.BegunFlow, context: grpc.ServicerContext) -> pb.OAuthFlow:
        context.send_initial_metadata((wire.cookie_of(flow, self._secure),))
        return wire.flow(flow)
