"""What billing refuses, by name; errors.proto says what each means to a caller."""

from services.kernel.errors import CampusError, Kind


class BillingError(CampusError):
    domain = "campus.billing"


class CourseNotFound(BillingError):
    kind = Kind.NOT_FOUND
    message = "there is no such course"


class CourseNotAvailable(BillingError):
    kind = Kind.FAILED_PRECONDITION
    message = "the course takes no new learners"


class CourseIsFree(BillingError):
    kind = Kind.FAILED_PRECONDITION
    message = "the course costs nothing: enrol without a checkout"


class CourseNotFree(BillingError):
    kind = Kind.FAILED_PRECONDITION
    message = "the course has a price: a checkout comes first"


class AlreadyEntitled(BillingError):
    kind = Kind.ALREADY_EXISTS
    message = "the caller has access to this course already"


class AmountNotChargeable(BillingError):
    kind = Kind.FAILED_PRECONDITION
    message = "the payment provider takes no payment of this amount or currency"


class ReturnUrlNotAllowed(BillingError):
    kind = Kind.INVALID
    message = "the address leads away from the platform"


class PaymentNotFound(BillingError):
    kind = Kind.NOT_FOUND
    message = "there is no such payment"


class WebhookSignatureInvalid(BillingError):
    kind = Kind.INVALID
    message = "the webhook isn't signed by the payment provider"


class WebhookSignatureExpired(BillingError):
    kind = Kind.INVALID
    message = "the webhook's signature is too old, or lies in the future"


class WebhookMalformed(BillingError):
    kind = Kind.INVALID
    message = "the webhook is signed, and yet not an event that can be read"
