"""What messaging refuses, by name; errors.proto says what each means to a caller."""

from services.kernel.errors import CampusError, Kind


class MessagingError(CampusError):
    domain = "campus.messaging"


class NotificationNotFound(MessagingError):
    kind = Kind.NOT_FOUND
    message = "there is no such notification"


class UserNotFound(MessagingError):
    kind = Kind.NOT_FOUND
    message = "there is no such user to notify"


class TooManyStreams(MessagingError):
    kind = Kind.EXHAUSTED
    message = "this user watches on as many streams as one may: close one first"
