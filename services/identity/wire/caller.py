"""What a call tells of the device it comes from."""

from collections.abc import Sequence

import grpc
from ua_parser import parse

from services.chassis.access import peer_service

MOST_READ = 500
GATEWAY = "gateway"


def device(context: grpc.ServicerContext) -> str:
    """A name for the caller's device, by its `user-agent`: for its owner to recognise, never to decide upon."""
    told = values(context, "user-agent")
    if not told:
        return ""
    found = parse(told[-1][:MOST_READ])
    program = found.user_agent.family if found.user_agent else told[-1].split("/", 1)[0].strip()[:50]
    return f"{program} on {found.os.family}" if found.os else program


def address(context: grpc.ServicerContext) -> str:
    """Where the caller is, as the gateway saw it: the last hop that it added, whatever the caller claimed before."""
    forwarded = ",".join(values(context, "x-forwarded-for"))
    return forwarded.rpartition(",")[2].strip() if peer_service(context) == GATEWAY else ""


def values(context: grpc.ServicerContext, key: str) -> Sequence[str]:
    return [value for name, value in context.invocation_metadata() if name == key and isinstance(value, str)]
