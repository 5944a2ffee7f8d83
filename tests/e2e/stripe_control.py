"""The payment stand-in's control API: faults, deliveries, and webhooks of our own making."""

import json
import time
from typing import Any

import httpx
import stripe

from deploy.local.mesh import Mesh
from deploy.local.rest import Json


class StripeControl:
    def __init__(self, mesh: Mesh) -> None:
        plan = mesh.plan
        self._base = f"http://127.0.0.1:{plan.port('stripe')}/_control"
        self._webhook = f"{mesh.url}/v1/webhooks/stripe"
        self._secret = plan.secret("stripe.webhook", "whsec_")

    def fault(self, kind: str, **rule: Any) -> None:
        httpx.post(f"{self._base}/faults", json={"kind": kind, **rule}, timeout=10).raise_for_status()

    def no_faults(self) -> None:
        httpx.delete(f"{self._base}/faults", timeout=10).raise_for_status()

    def deliveries(self, state: str = "") -> list[Json]:
        query = {"state": state} if state else {}
        found = httpx.get(f"{self._base}/deliveries", params=query, timeout=10).raise_for_status().json()
        listed: list[Json] = found["deliveries"]
        return listed

    def resend(self, event_id: str) -> None:
        httpx.post(f"{self._base}/events/{event_id}/resend", json={}, timeout=10).raise_for_status()

    def post_webhook(
        self, event: Json, *, age_seconds: float = 0, secret: str = "", tamper: bool = False, header: str | None = None
    ) -> httpx.Response:
        """Sends an event as the provider would, or as an impostor might."""
        payload = json.dumps(event)
        timestamp = int(time.time() - age_seconds)
        signature = stripe.WebhookSignature._compute_signature(f"{timestamp}.{payload}", secret or self._secret)
        signed = f"t={timestamp},v1={signature}" if header is None else header
        body = payload.replace("evt_", "evt_x") if tamper else payload
        headers = {"stripe-signature": signed, "content-type": "application/json"}
        return httpx.post(self._webhook, content=body, headers=headers, timeout=10)
