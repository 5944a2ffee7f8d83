"""What students are shown at the end: the same effects once more, asked of the API instead of the databases."""

from collections import Counter
from collections.abc import Iterable

from deploy.local import journey
from deploy.local.rest import Json, Rest
from tests.drill import effects
from tests.drill.site import Site

KINDS = {"enrolment", "completion", "payment", "entitlement", "certificate", "notification"}
PAGE = 100


def shown(site: Site, emails: Iterable[str]) -> Counter[str]:
    """Everything of these kinds that the API shows these students, and how often."""
    found: Counter[str] = Counter()
    for email in emails:
        with site.rest() as base:
            found.update(_of_one(base.signed_in(email, journey.PASSWORD), email))
    return found


def _of_one(rest: Rest, email: str) -> Iterable[str]:
    def of(kind: str, rows: Iterable[Json]) -> list[str]:
        return [effects.of_learner(kind, email, row["courseId"]) for row in rows]

    enrollments, payments = _all(rest, "enrollments"), _all(rest, "payments")
    certificates, entitlements = _all(rest, "certificates"), _all(rest, "entitlements")
    yield from of("enrolment", enrollments)
    yield from of("completion", (row for row in enrollments if row["state"] == "STATE_COMPLETED"))
    yield from of("payment", (row for row in payments if row["state"] == "STATE_SUCCEEDED"))
    yield from of("entitlement", entitlements)
    yield from of("certificate", certificates)
    courses = {row["enrollmentId"]: row["courseId"] for row in enrollments}
    courses |= {row["transactionId"]: row["courseId"] for row in payments}
    courses |= {row["certificateId"]: row["courseId"] for row in certificates}
    for row in _all(rest, "notifications"):
        kind = row["kind"].removeprefix("NOTIFICATION_KIND_").lower()
        yield effects.notification(kind, email, courses.get(row.get("aboutId", ""), ""))


def _all(rest: Rest, what: str) -> list[Json]:
    """The first page is all: a student of a drill has fewer than a page of anything."""
    found: list[Json] = rest.get(f"/v1/{what}", page_size=PAGE).get(what, [])
    return found


def of_these(wanted: Iterable[str], emails: set[str]) -> set[str]:
    """Those effects that the API shows to these students."""
    split = ((effect, set(effect.split(" "))) for effect in wanted)
    return {effect for effect, words in split if words & KINDS and words & emails}
