"""A request's key for the memory of request ids, made from the message itself."""

from google.protobuf.message import Message

from services.chassis.access import principal
from services.kernel.requests import RequestKey


def request_key(request: Message, *, caller: str = "", secret: tuple[str, ...] = ()) -> RequestKey:
    """The key of a message with a `request_id`. `secret` names fields that must leave no trace, not even as a hash;
    `caller` is given where the caller is not signed in and is known by something else."""
    content = type(request)()
    content.CopyFrom(request)
    for field in ("request_id", *secret):
        content.ClearField(field)
    name = request.DESCRIPTOR.full_name.removesuffix("Request")
    request_id: str = getattr(request, "request_id")  # noqa: B009  # Message knows no fields by name
    return RequestKey(caller or principal().name, name, request_id, content.SerializeToString(deterministic=True))
