"""Webhook endpoints: who is told of which events, and the secret that signs them."""

from deploy.local.standins.stripe import ids
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import Json
from deploy.local.standins.stripe.lists import PAGE_FIELDS
from deploy.local.standins.stripe.operations import Resource, create, delete, listing, retrieve, update
from deploy.local.standins.stripe.params import (
    boolean,
    choice,
    clears,
    list_of,
    may,
    merged,
    metadata,
    must,
    text,
    url,
)

KIND = "webhook_endpoint"
# The endpoint that the command line names; it keeps this id over restarts, so that owed deliveries still find it.
CONFIGURED = "we_1Configured"

_VERSION = choice("2026-08-26.dahlia", "2026-09-30.endive", "2026-10-28.endive")
_CREATION = {
    "api_version": may(_VERSION),
    "description": clears(text()),
    "enabled_events": must(list_of(text(), 250)),
    "metadata": clears(metadata()),
    "url": must(url()),
}
_CHANGES = {
    "description": clears(text()),
    "disabled": may(boolean()),
    "enabled_events": may(list_of(text(), 250)),
    "metadata": clears(metadata()),
    "url": may(url()),
}


def new_endpoint(call: Call, values: Json, endpoint_id: str, secret: str) -> Json:
    endpoint = {
        "id": endpoint_id,
        "object": KIND,
        "api_version": values.get("api_version"),
        "application": None,
        "created": call.now(),
        "description": values.get("description"),
        "enabled_events": values["enabled_events"],
        "livemode": False,
        "metadata": merged({}, values.get("metadata")),
        "status": "enabled",
        "url": values["url"],
    }
    return call.add(endpoint, {"secret": secret})


def configure(call: Call, receiver: str, secret: str) -> None:
    """Make the endpoint of the command line what it says, whether or not an earlier run has left one."""
    existing = call.find(KIND, CONFIGURED)
    if existing is None:
        new_endpoint(call, {"url": receiver, "enabled_events": ["*"]}, CONFIGURED, secret)
    else:
        call.save({**existing, "url": receiver, "status": "enabled"})
        call.store.set_private(CONFIGURED, {"secret": secret})


def _create(call: Call, values: Json) -> Json:
    """The one answer that shows the secret."""
    secret = "whsec_" + ids.random_text(32)
    return {**new_endpoint(call, values, ids.new_id(KIND), secret), "secret": secret}


def _change(call: Call, values: Json) -> Json:
    endpoint = call.addressed(KIND)
    for name in ("description", "enabled_events", "url"):
        if name in values:
            endpoint[name] = values[name]
    if "disabled" in values:
        endpoint["status"] = "disabled" if values["disabled"] else "enabled"
    if "metadata" in values:
        endpoint["metadata"] = merged(endpoint["metadata"], values["metadata"])
    return call.save(endpoint)


def _remove(call: Call, _: Json) -> Json:
    endpoint = call.addressed(KIND)
    call.store.sql.execute("DELETE FROM deliveries WHERE endpoint = ? AND state = 'pending'", (endpoint["id"],))
    call.store.sql.execute("DELETE FROM objects WHERE id = ?", (endpoint["id"],))
    return {"id": endpoint["id"], "object": KIND, "deleted": True}


RESOURCE = Resource(
    kind=KIND,
    operations=(
        create("/v1/webhook_endpoints", _CREATION, _create),
        listing("/v1/webhook_endpoints", KIND, fields=PAGE_FIELDS),
        retrieve("/v1/webhook_endpoints/{id}", KIND),
        update("/v1/webhook_endpoints/{id}", _CHANGES, _change),
        delete("/v1/webhook_endpoints/{id}", _remove),
    ),
)
