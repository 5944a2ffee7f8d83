"""Tells streams and sender that a notification was made."""

from collections.abc import Callable

from services.messaging.domain.notification import Channel, Notification


class ToStreamsAndPost:
    """`show` and `wake` neither block nor fail."""

    def __init__(self, show: Callable[[Notification], None], wake: Callable[[], None]) -> None:
        self._show, self._wake = show, wake

    def made(self, notification: Notification) -> None:
        self._show(notification)
        if Channel.EMAIL in notification.channels:
            self._wake()
