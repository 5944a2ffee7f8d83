"""The store in memory, for tests; held to the same suite as the one in PostgreSQL."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from services.chassis.memory import MemoryRequests, MemoryState, MemoryTransactions
from services.kernel.errors import StaleVersion
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.notification import Channel, Notification


@dataclass
class Memory(MemoryState):
    notifications: dict[str, Notification] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)


class MemoryStore(MemoryTransactions[Memory]):
    def __init__(self) -> None:
        super().__init__(Memory())

    @contextmanager
    def begin(self) -> Iterator["MemoryTx"]:
        with self.begin_state() as state:
            yield MemoryTx(state)


class MemoryTx:
    def __init__(self, state: Memory) -> None:
        self.notifications = MemoryNotifications(state)
        self.deliveries = MemoryDeliveries(state)
        self.requests = MemoryRequests(state)


class MemoryNotifications:
    def __init__(self, state: Memory) -> None:
        self._kept = state.notifications

    def add(self, notification: Notification) -> bool:
        key = (notification.event_id, notification.kind)
        if notification.event_id is not None and any((n.event_id, n.kind) == key for n in self._kept.values()):
            return False
        self._keep(notification)
        return True

    def get(self, notification_id: str) -> Notification | None:
        return copy.deepcopy(self._kept.get(notification_id))

    def save(self, notification: Notification) -> None:
        if self._kept[notification.id].version != notification.version:
            raise StaleVersion
        self._keep(notification)

    def mark_all_as_read(self, user_id: str, now: datetime) -> int:
        mine = (n for n in self._kept.values() if n.user_id == user_id and Channel.IN_APP in n.channels)
        unread = [notification for notification in mine if notification.mark_as_read(now)]
        for notification in unread:
            notification.version += 1
        return len(unread)

    def _keep(self, notification: Notification) -> None:
        notification.version += 1
        self._kept[notification.id] = copy.deepcopy(notification)


class MemoryDeliveries:
    def __init__(self, state: Memory) -> None:
        self._kept = state.deliveries

    def add(self, delivery: Delivery) -> None:
        self._keep(delivery)

    def due(self, now: datetime) -> Delivery | None:
        waiting = [(d.next_attempt_at, d.id) for d in self._kept.values() if d.next_attempt_at is not None]
        ready = [key for key in waiting if key[0] <= now]
        return copy.deepcopy(self._kept[min(ready)[1]]) if ready else None

    def save(self, delivery: Delivery) -> None:
        if self._kept[delivery.id].version != delivery.version:
            raise StaleVersion
        self._keep(delivery)

    def _keep(self, delivery: Delivery) -> None:
        delivery.version += 1
        self._kept[delivery.id] = copy.deepcopy(delivery)
