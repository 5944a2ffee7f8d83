"""API keys between the contract's messages and identity's own types."""

from campus.identity.v1 import api_key_service_pb2 as pb

from services.identity import commands, queries
from services.identity.domain.api_key import ApiKey
from services.identity.domain.user import Role
from services.identity.ports import AccessToken
from services.identity.wire.accounts import ROLES
from services.identity.wire.administration import role_of
from services.identity.wire.times import timestamp


def to_create(user_id: str, request: pb.CreateApiKeyRequest) -> commands.CreateApiKey:
    scopes = frozenset(map(role_of, request.scopes))
    return commands.CreateApiKey(user_id, request.name, scopes, request.password)


def api_key(found: ApiKey | queries.ApiKeyRow) -> pb.ApiKey:
    message = pb.ApiKey(
        api_key_id=found.id,
        name=found.name,
        scopes=[ROLES[role] for role in Role if role in found.scopes],
        created_at=timestamp(found.created_at),
    )
    if found.last_used_at is not None:
        message.last_used_at.CopyFrom(timestamp(found.last_used_at))
    return message


def made(new: commands.MadeApiKey) -> pb.NewApiKey:
    return pb.NewApiKey(api_key=api_key(new.api_key), key=new.key)


def api_keys(found: list[queries.ApiKeyRow]) -> pb.ListApiKeysResponse:
    return pb.ListApiKeysResponse(api_keys=map(api_key, found))


def token(issued: AccessToken) -> pb.ApiKeyToken:
    return pb.ApiKeyToken(access_token=issued.token, expires_at=timestamp(issued.expires_at))
