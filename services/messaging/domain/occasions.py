"""What users are told of by themselves, and in which words."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from services.kernel.money import Money
from services.messaging.domain.notification import Kind, Text
from services.messaging.domain.words import amount, one_line


class Occasion(Protocol):
    @property
    def kind(self) -> Kind: ...

    def text(self, title: str) -> Text:
        """What is said; `title` is the course's, or empty when it is about none or that is not known."""
        ...


@dataclass(frozen=True)
class Welcome:
    kind: ClassVar[Kind] = Kind.WELCOME

    def text(self, title: str) -> Text:
        return Text(
            "Welcome to Campus",
            "Your account is ready. You can now choose a course, learn at your own pace, and earn a certificate for "
            "each course that you complete.",
        )


@dataclass(frozen=True)
class PaymentSucceeded:
    kind: ClassVar[Kind] = Kind.PAYMENT_SUCCEEDED
    paid: Money
    transaction_id: str

    def text(self, title: str) -> Text:
        return Text(
            _about("Payment received", title),
            f"We have received your payment of {amount(self.paid)} for {_course(title)}. Thank you!\n\n"
            f"Transaction: {self.transaction_id}",
        )


@dataclass(frozen=True)
class PaymentFailed:
    """`why` completes the sentence "it did not go through: ..."."""

    kind: ClassVar[Kind] = Kind.PAYMENT_FAILED
    due: Money
    transaction_id: str
    why: str

    def text(self, title: str) -> Text:
        return Text(
            _about("Payment failed", title),
            f"Your payment of {amount(self.due)} for {_course(title)} did not go through: {self.why}.\n\n"
            f"You can try again at any time.\n\nTransaction: {self.transaction_id}",
        )


@dataclass(frozen=True)
class EnrollmentCreated:
    kind: ClassVar[Kind] = Kind.ENROLLMENT_CREATED

    def text(self, title: str) -> Text:
        return Text(
            _about("You are enrolled", title), f"You are enrolled in {_course(title)}. You can start right away."
        )


@dataclass(frozen=True)
class CertificateIssued:
    kind: ClassVar[Kind] = Kind.CERTIFICATE_ISSUED
    verification_url: str

    def text(self, title: str) -> Text:
        return Text(
            _about("Your certificate is ready", title),
            f"Congratulations! You have completed {_course(title)}, and your certificate is ready.\n\n"
            f"Anyone can check that it is genuine: {self.verification_url}",
        )


def _about(what: str, title: str) -> str:
    return f"{what}: {one_line(title)}" if title else what


def _course(title: str) -> str:
    return f'the course "{one_line(title)}"' if title else "your course"
