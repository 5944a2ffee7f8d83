"""One piece of work on the stand-in's state: an API call, a customer paying on the hosted page, or a timer."""

import copy
from dataclasses import dataclass, field

from deploy.local.standins.stripe import ids
from deploy.local.standins.stripe.clock import Clock
from deploy.local.standins.stripe.errors import InvalidRequest, Json, missing
from deploy.local.standins.stripe.store import Store

API_VERSION = "2026-10-28.endive"


@dataclass(frozen=True)
class Call:
    """What a resource works with; everything it writes belongs to the caller's transaction."""

    store: Store
    clock: Clock
    public_url: str
    request_id: str | None = None
    idempotency_key: str | None = None
    path: dict[str, str] = field(default_factory=dict)

    def now(self) -> int:
        return int(self.clock.now())

    def add(self, obj: Json, private: Json | None = None) -> Json:
        self.store.insert(obj, private or {})
        return obj

    def save(self, obj: Json) -> Json:
        self.store.replace(obj)
        return obj

    def find(self, kind: str, object_id: str) -> Json | None:
        obj = self.store.get(object_id)
        return obj if obj is not None and obj["object"] == kind and not obj.get("deleted") else None

    def addressed(self, kind: str, name: str = "id") -> Json:
        """The object that the URL names: 404 when there is none."""
        obj = self.find(kind, self.path[name])
        if obj is None:
            raise missing(kind, self.path[name], name, 404)
        return obj

    def referred(self, kind: str, object_id: str, param: str) -> Json:
        """The object that a parameter names: 400 when there is none."""
        obj = self.find(kind, object_id)
        if obj is None:
            raise missing(kind, object_id, param, 400)
        return obj

    def known(self, kind: str, object_id: str) -> Json:
        """An object that our own records name."""
        obj = self.store.get(object_id)
        if obj is None:
            raise InvalidRequest(f"No such {kind}: '{object_id}'", code="resource_missing", status=404)
        return obj

    def later(self, due: float, action: str, target: str) -> None:
        self.store.sql.execute(
            "INSERT OR REPLACE INTO timers (action, target, due) VALUES (?, ?, ?)", (action, target, due)
        )

    def emit(self, kind: str, obj: Json, before: Json | None = None) -> None:
        """Record an event and owe it to every endpoint that listens; `before` yields previous_attributes."""
        data: Json = {"object": copy.deepcopy(obj)}
        if before is not None:
            data["previous_attributes"] = changed(before, obj)
        endpoints = [one for one in self.store.where("webhook_endpoint", status="enabled") if listens(one, kind)]
        event = self.add(
            {
                "id": ids.new_id("event"),
                "object": "event",
                "api_version": API_VERSION,
                "created": self.now(),
                "data": data,
                "livemode": False,
                "pending_webhooks": len(endpoints),
                "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
                "type": kind,
            }
        )
        for endpoint in endpoints:
            self.owe(event["id"], endpoint["id"])

    def owe(self, event_id: str, endpoint_id: str) -> None:
        now = self.clock.now()
        self.store.sql.execute(
            "INSERT INTO deliveries (event, endpoint, state, first, due) VALUES (?, ?, 'pending', ?, ?)",
            (event_id, endpoint_id, now, now),
        )


def listens(endpoint: Json, kind: str) -> bool:
    return "*" in endpoint["enabled_events"] or kind in endpoint["enabled_events"]


def changed(before: Json, after: Json) -> Json:
    """The former values of what differs, nested objects reduced to the keys that differ."""
    former: Json = {}
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        former[name] = changed(old, new) if isinstance(old, dict) and isinstance(new, dict) else old
    return former
