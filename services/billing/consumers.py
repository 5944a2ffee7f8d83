"""Threads that act on what the payment provider told, and ask about what it didn't tell."""

from services.billing import commands
from services.billing.ports import PaymentGateway, Store
from services.chassis.telemetry import logger
from services.chassis.worker import Worker
from services.kernel.clock import Clock

log = logger("campus.billing")


class StripeConsumer:
    """Acts on stored messages, one at a time; what fails stays stored with the reason and comes again later."""

    def __init__(self, store: Store, gateway: PaymentGateway, clock: Clock) -> None:
        self._store, self._gateway, self._clock = store, gateway, clock

    def on_stripe_webhook(self) -> bool:
        event = commands.take_webhook(self._store, self._clock)
        if event is None:
            return False
        try:
            commands.act_on_webhook(event, self._store, self._gateway, self._clock)
        except Exception as error:
            fields = {"event_id": event.id, "type": event.type, "attempts": event.attempts}
            log.warning("a message was not settled", exc_info=error, extra={"fields": fields})
            reason = f"{type(error).__name__}: {error}"[:500]
            commands.postpone_webhook(event, reason, self._store, self._clock)
        return True

    def on_silence(self) -> bool:
        """Looks up open checkouts at the provider. Never more to do at once: the next minute brings the next look."""
        for order_id in commands.overdue_checkouts(self._store, self._clock):
            try:
                commands.settle_checkout(order_id, self._store, self._gateway, self._clock)
            except Exception as error:
                log.warning("not looked up", exc_info=error, extra={"fields": {"order_id": order_id}})
        return False


class Workers:
    """Every thread of this kind in a process, as one."""

    def __init__(self, consumer: StripeConsumer, *, webhooks: int, poll_seconds: float, look_up_seconds: float) -> None:
        self._webhooks = Worker("webhooks", consumer.on_stripe_webhook, poll_seconds, threads=webhooks)
        self._reconciliation = Worker("reconciliation", consumer.on_silence, look_up_seconds)

    def start(self) -> None:
        self._webhooks.start()
        self._reconciliation.start()

    def wake(self) -> None:
        """A message was stored."""
        self._webhooks.wake()

    def stop(self) -> None:
        self._webhooks.stop()
        self._reconciliation.stop()
