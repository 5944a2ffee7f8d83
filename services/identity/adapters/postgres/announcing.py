"""What aggregates recorded goes into the outbox of the same transaction."""

from services.chassis.db import Work
from services.identity.wire.events import announced
from services.kernel.events import Aggregate


def announce(work: Work, aggregate: Aggregate) -> None:
    for event in aggregate.take_events():
        work.announce(announced(event), aggregate.id, aggregate.version)
