"""The names of effects: what clients attempt and the judge finds, spelled in one place."""


def user(email: str) -> str:
    return f"user {email}"


def of_learner(kind: str, email: str, course_id: str) -> str:
    """`kind`: order, payment, sale, entitlement, declined, enrolment, completion, certificate."""
    return f"{kind} {email} {course_id}"


def operation(email: str, operation_id: str) -> str:
    return f"progress {email} {operation_id}"


def notification(kind: str, email: str, about: str = "") -> str:
    """`about` is the id of the course, if it is about one."""
    return f"notification {kind} {email} {about}".rstrip()


def read_mark(notification_id: str) -> str:
    return f"read {notification_id}"


def of_course(kind: str, title: str) -> str:
    """`kind`: course, module, article, video, publication."""
    return f"{kind} {title}"


# The service that holds each kind of effect.
OWNERS = {
    "user": "identity",
    "course": "catalog",
    "module": "catalog",
    "article": "catalog",
    "video": "catalog",
    "publication": "catalog",
    "order": "billing",
    "payment": "billing",
    "sale": "billing",
    "entitlement": "billing",
    "declined": "billing",
    "enrolment": "learning",
    "completion": "learning",
    "progress": "learning",
    "certificate": "certification",
    "notification": "messaging",
    "read": "messaging",
}
