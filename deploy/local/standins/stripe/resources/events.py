"""Events: what happened, kept for the asking and sent to every endpoint that listens."""

from deploy.local.standins.stripe.operations import Resource, listing, retrieve
from deploy.local.standins.stripe.params import list_of, text

KIND = "event"

RESOURCE = Resource(
    kind=KIND,
    operations=(
        listing("/v1/events", KIND, {"type": text(), "types": list_of(text(), 20)}, {"types": "type"}),
        retrieve("/v1/events/{id}", KIND),
    ),
)
