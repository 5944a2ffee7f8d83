"""What is there at the end: the effects in the six databases, by the names under which clients attempted them."""

from collections import Counter
from typing import LiteralString

from tests.drill import effects
from tests.drill.site import Site

Rows = list[tuple[str, ...]]

# Of each kind: whose it is and which course it is about. Filtered by user below, because only identity knows e-mails.
OF_LEARNERS: dict[str, dict[str, LiteralString]] = {
    "billing": {
        "order": "SELECT o.user_id, l.course_id FROM orders o JOIN order_lines l ON l.order_id = o.id",
        "payment": "SELECT user_id, course_id FROM payments WHERE state = 'completed'",
        "declined": "SELECT p.user_id, p.course_id FROM failed_attempts f JOIN payments p ON p.id = f.payment_id",
        "sale": """SELECT p.user_id, p.course_id FROM ledger_entries e JOIN payments p ON p.id = e.transaction_id
                   WHERE e.kind = 'sale'""",
        "entitlement": "SELECT user_id, course_id FROM entitlements",
    },
    "learning": {
        "enrolment": "SELECT user_id, course_id FROM enrollments",
        "completion": "SELECT user_id, course_id FROM enrollments WHERE completed_at IS NOT NULL",
    },
    "certification": {"certificate": "SELECT user_id, course_id FROM certificates"},
}
PROGRESS: LiteralString = """
    SELECT e.user_id, p.operation_id FROM progress_events p JOIN enrollments e ON e.id = p.enrollment_id"""
# The ids that notifications are about, and the course behind each.
ABOUT: dict[str, LiteralString] = {
    "billing": "SELECT id, course_id FROM payments",
    "learning": "SELECT id, course_id FROM enrollments",
    "certification": "SELECT id, course_id FROM certificates",
}
OF_COURSES: dict[str, LiteralString] = {
    "course": "SELECT title FROM courses",
    "module": "SELECT c.title FROM modules m JOIN courses c ON c.id = m.course_id",
    "article": "SELECT c.title FROM lessons l JOIN courses c ON c.id = l.course_id WHERE kind = 'article'",
    "video": "SELECT c.title FROM lessons l JOIN courses c ON c.id = l.course_id WHERE kind = 'video'",
    "publication": "SELECT c.title FROM course_versions v JOIN courses c ON c.id = v.course_id",
}


def rows(site: Site, service: str, query: LiteralString, *parameters: object) -> Rows:
    with site.database(service) as connection:
        found = connection.execute(query, parameters).fetchall()
    return [tuple(str(value) for value in row) for row in found]


def emails(site: Site, run: str) -> dict[str, str]:
    """The e-mail addresses of a run's students, by user id."""
    query: LiteralString = "SELECT id, email FROM users WHERE email LIKE %s"
    return {str(user_id): email for user_id, email in rows(site, "identity", query, f"%@{run}.%")}


def found(site: Site, run: str) -> Counter[str]:
    """Every effect of a run, and how often."""
    students = emails(site, run)
    there = Counter(effects.user(email) for email in students.values())
    for service, queries in OF_LEARNERS.items():
        for kind, query in queries.items():
            there.update(
                effects.of_learner(kind, students[user_id], course_id)
                for user_id, course_id in rows(site, service, query)
                if user_id in students
            )
    there.update(
        effects.operation(students[user_id], operation_id)
        for user_id, operation_id in rows(site, "learning", PROGRESS)
        if user_id in students
    )
    there.update(_notifications(site, students))
    for kind, query in OF_COURSES.items():
        titles = (title for (title,) in rows(site, "catalog", query))
        there.update(effects.of_course(kind, title) for title in titles if title.startswith(run))
    return there


def _notifications(site: Site, students: dict[str, str]) -> Counter[str]:
    courses = {about: course for service, query in ABOUT.items() for about, course in rows(site, service, query)}
    query: LiteralString = "SELECT id, user_id, kind, about_id, read_at IS NOT NULL FROM notifications"
    there: Counter[str] = Counter()
    for notification_id, user_id, kind, about, is_read in rows(site, "messaging", query):
        if user_id in students:
            there[effects.notification(kind, students[user_id], courses.get(about, ""))] += 1
            there[effects.read_mark(notification_id)] += is_read == "True"
    return +there
