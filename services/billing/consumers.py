"""Threads that act on what the payment provider told, and ask about what it didn't tell."""

import threading
from collections.abc import Callable

from services.billing import commands
from services.billing.ports import PaymentGateway, Store
from services.chassis.telemetry import in_trace, logger
from services.kernel.clock import Clock

log = logger("campus.billing")


class Repeated:
    """A thread that calls `step` until nothing is left to do, then waits to be woken, or for `pause` seconds."""

    def __init__(self, name: str, step: Callable[[], bool], pause: float) -> None:
        """`step` says whether it found something to do."""
        self._name, self._step, self._pause = name, step, pause
        self._alarm, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._alarm.set()

    def stop(self) -> None:
        """Finishes the step at hand."""
        self._stopping.set()
        self._alarm.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._alarm.clear()
            if not self._stepped():
                self._alarm.wait(self._pause)

    def _stepped(self) -> bool:
        try:
            with in_trace(None, None, actor=f"service:billing/{self._name}"):
                return self._step()
        except Exception as error:
            log.warning("will be tried again", exc_info=error, extra={"fields": {"worker": self._name}})
            return False


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
        names = [f"webhooks-{number}" for number in range(webhooks)]
        self._webhooks = [Repeated(name, consumer.on_stripe_webhook, poll_seconds) for name in names]
        self._all = [*self._webhooks, Repeated("reconciliation", consumer.on_silence, look_up_seconds)]

    def start(self) -> None:
        for worker in self._all:
            worker.start()

    def wake(self) -> None:
        """A message was stored."""
        for worker in self._webhooks:
            worker.wake()

    def stop(self) -> None:
        for worker in self._all:
            worker.stop()
