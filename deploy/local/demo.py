"""`python -m deploy.local.demo`: the whole journey through the gateway, step by step; ends non-zero if one goes wrong.

Uses the mesh that runs; with none running it starts one for itself and stops it afterwards.
"""

import argparse
import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from google.protobuf import descriptor_pool, json_format, message_factory

from deploy.local import journey
from deploy.local.board import for_terminal
from deploy.local.journey import CourseDraft, NotYet
from deploy.local.mesh import STATE_DIR, Mesh, running
from deploy.local.plan import ROOT
from deploy.local.rest import Json, Refused, Rest
from deploy.local.trouble import MeshTrouble
from services.chassis.bus import Bus
from services.chassis.server import contract

T = TypeVar("T")
STUDENT = "Zoë Ångström-Łukasiewicz"


class WentWrong(Exception):
    """A step was not as it should be."""


def check(holds: bool, what: str) -> None:
    if not holds:
        raise WentWrong(what)


class Events:
    """Hears what the services announce, by the contract's own descriptors."""

    def __init__(self, url: str) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        for file in contract().file:
            self._pool.Add(file)
        self._heard: list[tuple[str, Json]] = []
        self._lock = threading.Lock()
        self._bus = Bus(url, "demo")
        self._bus.start()
        self._bus.listen("campus.>", self._hear)

    def _hear(self, subject: str, payload: bytes) -> None:
        try:
            kind = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(subject))
        except KeyError:
            return  # not an event but a note between processes
        with self._lock:
            self._heard.append((subject, json_format.MessageToDict(kind.FromString(payload))))

    def about(self, *ids: str) -> list[tuple[str, Json]]:
        """The events heard so far that name one of these ids."""
        with self._lock:
            return [(subject, said) for subject, said in self._heard if set(map(str, said.values())) & set(ids)]

    def close(self) -> None:
        self._bus.stop()


class Narrator:
    """Prints each step and what came of it."""

    def __init__(self) -> None:
        self.steps = 0

    def step(self, title: str, do: Callable[[], T], say: Callable[[T], str]) -> T:
        self.steps += 1
        print(f"{self.steps:3}. {title}", flush=True)
        found = do()
        print(f"     {say(found)}", flush=True)
        return found


@contextmanager
def some_mesh(state_dir: Path) -> Iterator[dict[str, Any]]:
    """The description of the mesh that runs, or of one that runs as long as the block."""
    if described := running(state_dir):
        print(f"using the mesh at {described['gateway']}")
        yield described
        return
    print("no mesh is running: starting one for this demo")
    board = for_terminal()
    with Mesh(state_dir, board=board) as mesh:
        board.settle()
        yield mesh.description()


def buy(tell: Narrator, student: journey.Student, course: Json) -> Json:
    checkout = tell.step(
        "The student starts the checkout",
        lambda: journey.start_checkout(student.rest, course["courseId"]),
        lambda found: (
            f"order {found['orderId']}, {found['amount']['amountMinor']} {found['amount']['currency']} (minor)"
        ),
    )
    tell.step(
        "A card is refused on the payment page",
        lambda: journey.pay(checkout, journey.DECLINED_CARD),
        lambda answer: f"the page says {answer.status_code}; nothing is owed, the checkout stays open",
    )
    check(journey.payment_of(student.rest, checkout)["state"] != "STATE_SUCCEEDED", "a refused card paid")
    tell.step(
        "Another card pays; the signed webhook confirms it",
        lambda: (journey.pay(checkout), journey.await_payment(student.rest, checkout))[1],
        lambda payment: f"payment {payment['state'].removeprefix('STATE_').lower()}",
    )
    return tell.step(
        "The entitlement enrols the student",
        lambda: journey.await_enrollment(student.rest, course["courseId"]),
        lambda found: f"enrolment {found['enrollmentId']}, course version {found['courseVersion']}",
    )


def learn(tell: Narrator, student: journey.Student, course: Json, enrollment: Json) -> Json:
    lessons = journey.lessons_of(student.rest, course["courseId"])
    progress = tell.step(
        "The student reads and watches everything",
        lambda: journey.study(student.rest, enrollment, lessons),
        lambda found: f"{found['progressBasisPoints'] / 100:.0f} % of {len(lessons)} lessons",
    )
    check(progress["progressBasisPoints"] == 10_000, "everything was done and the progress is not 100 %")
    again = journey.study(student.rest, enrollment, lessons)
    check(again["progressBasisPoints"] == 10_000, "doing it again changed the progress")
    return tell.step(
        "Completion brings the certificate",
        lambda: journey.await_certificate(student.rest, course["courseId"]),
        lambda found: f"code {found['code']}",
    )


def prove(tell: Narrator, base: Rest, student: journey.Student, certificate: Json) -> Path:
    path = ROOT / "build" / "demo" / f"certificate-{certificate['code']}.pdf"
    download = f"/api/certificates/{certificate['certificateId']}/download"

    def fetch() -> bytes:
        pdf = student.rest.raw("GET", download).content
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pdf)
        return pdf

    pdf = tell.step("The student downloads the PDF", fetch, lambda found: f"{len(found)} bytes")
    check(pdf.startswith(b"%PDF"), "the certificate is not a PDF")
    link = student.rest.post(f"/v1/certificates/{certificate['certificateId']}:link")["url"]
    check(httpx.get(link, timeout=10).content == pdf, "the signed link gives something else")
    verified = tell.step(
        "Anyone verifies it by its public address",
        lambda: base.get(f"/v1/verify/{certificate['code']}"),
        lambda found: f"{certificate['verificationUrl']}: {found['holderName']}, {found['courseTitle']}",
    )
    check(bool(verified["valid"]) and verified["holderName"] == STUDENT, "the certificate does not verify")
    return path


def tell_journey(mesh: dict[str, Any], events: Events) -> Path:
    tell, base = Narrator(), Rest(mesh["gateway"])
    email, password = mesh["accounts"]["instructor"].split()
    instructor = tell.step(
        "The demo instructor signs in", lambda: base.signed_in(email, password), lambda _: "10 minutes of access"
    )
    title = f"Distributed systems for humans {uuid.uuid4().hex[:6]}"
    course = tell.step(
        "The instructor publishes a course",
        lambda: journey.publish_course(instructor, CourseDraft(title)),
        lambda found: f"{found['title']}, version {found['version']}",
    )
    tell.step(
        "Anyone finds it",
        lambda: journey.eventually(
            lambda: base.get("/v1/courses:search", q=title.rpartition(" ")[2]).get("courses"), "search"
        ),
        lambda found: f"{len(found)} course found, no sign-in needed",
    )
    student = tell.step(
        "A student registers and signs in", lambda: journey.register(base, STUDENT), lambda found: found.email
    )
    enrollment = buy(tell, student, course)
    certificate = learn(tell, student, course, enrollment)
    path = prove(tell, base, student, certificate)
    for kind in ("WELCOME", "PAYMENT_SUCCEEDED", "CERTIFICATE_ISSUED"):
        journey.await_notification(student.rest, f"NOTIFICATION_KIND_{kind}")
    inbox = mesh["pages"]["Mail inbox"]
    tell.step(
        "The student was told, in the app and by e-mail",
        lambda: journey.await_mail(inbox.rstrip("/"), student.email, 3),
        lambda mails: f"{len(mails)} mails: {', '.join(mail['subject'] for mail in reversed(mails))}",
    )
    ids = (student.user_id, course["courseId"], enrollment["enrollmentId"])
    flowed = tell.step("Events that flowed", lambda: events.about(*ids), lambda found: f"{len(found)} events")
    for subject, _ in flowed:
        print(f"       {subject}")
    check(len(flowed) >= 6, "events are missing")
    return path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.demo", description=__doc__)
    parser.parse_args()
    try:
        with some_mesh(Path(os.environ.get("CAMPUS_STATE_DIR") or STATE_DIR)) as mesh:
            events = Events(mesh["nats_observer"])
            try:
                path = tell_journey(mesh, events)
            finally:
                events.close()
    except (MeshTrouble, WentWrong, Refused, NotYet, httpx.HTTPError, KeyError) as error:
        print(f"campus: the journey broke off: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"The journey is complete. The certificate lies in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
