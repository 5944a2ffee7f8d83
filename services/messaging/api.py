"""The gRPC servicers: message in, command or query out, message back."""

from collections.abc import Callable

import grpc
from campus.messaging.v1 import messaging_internal_service_pb2_grpc, notification_service_pb2_grpc
from campus.messaging.v1 import notification_service_pb2 as pb

from services.chassis.access import principal
from services.chassis.streams import live
from services.kernel.clock import Clock
from services.kernel.rows import Rows
from services.messaging import commands, queries, wire
from services.messaging.ports import Announcer, Store, Streams, Users

Context = grpc.ServicerContext
Send = Callable[[pb.WatchNotificationsResponse | None], None]


class NotificationService(notification_service_pb2_grpc.NotificationServiceServicer):
    def __init__(
        self,
        store: Store,
        rows: Rows,
        users: Users,
        announcer: Announcer,
        streams: Callable[[Context, Send], Streams],
        clock: Clock,
    ) -> None:
        self._store, self._rows, self._users, self._clock = store, rows, users, clock
        self._announcer, self._streams = announcer, streams

    def ListNotifications(self, request: pb.ListNotificationsRequest, context: Context) -> pb.ListNotificationsResponse:
        query = queries.ListNotifications(
            principal().user_id, request.unread_only, request.page_size, request.page_token
        )
        return wire.notifications(queries.list_notifications(query, self._rows))

    def MarkNotificationRead(self, request: pb.MarkNotificationReadRequest, context: Context) -> pb.Notification:
        command = commands.MarkNotificationRead(principal().user_id, request.notification_id.lower())
        return wire.notification(commands.mark_notification_read(command, self._store, self._clock))

    def MarkAllNotificationsRead(
        self, request: pb.MarkAllNotificationsReadRequest, context: Context
    ) -> pb.MarkAllNotificationsReadResponse:
        command = commands.MarkAllNotificationsRead(principal().user_id)
        marked = commands.mark_all_notifications_read(command, self._store, self._clock)
        return pb.MarkAllNotificationsReadResponse(marked_count=marked)

    @live
    def WatchNotifications(  # type: ignore[override]  # a live stream is given `send` and returns at once
        self, request: pb.WatchNotificationsRequest, context: Context, send: Send
    ) -> None:
        queries.watch_notifications(wire.to_watch_notifications(principal()), self._streams(context, send))

    def SendNotification(self, request: pb.SendNotificationRequest, context: Context) -> pb.Notification:
        command = wire.to_send_notification(request)
        found = commands.send_notification(command, self._store, self._users, self._announcer, self._clock)
        return wire.notification(found)

    def ListDeliveries(self, request: pb.ListDeliveriesRequest, context: Context) -> pb.ListDeliveriesResponse:
        return wire.deliveries(queries.list_deliveries(wire.to_list_deliveries(request), self._rows))


class MessagingInternalService(messaging_internal_service_pb2_grpc.MessagingInternalServiceServicer):
    def __init__(self, store: Store, users: Users, announcer: Announcer, clock: Clock) -> None:
        self._store, self._users, self._announcer, self._clock = store, users, announcer, clock

    def SendNotification(self, request: pb.SendNotificationRequest, context: Context) -> pb.Notification:
        command = wire.to_send_notification(request)
        found = commands.send_notification(command, self._store, self._users, self._announcer, self._clock)
        return wire.notification(found)
