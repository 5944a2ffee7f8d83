"""What learning refuses, by name; errors.proto says what each means to a caller."""

from services.kernel.errors import CampusError, Kind


class LearningError(CampusError):
    domain = "campus.learning"


class CourseNotFound(LearningError):
    kind = Kind.NOT_FOUND
    message = "there is no such course"


class CourseNotAvailable(LearningError):
    kind = Kind.FAILED_PRECONDITION
    message = "the course takes no new learners"


class NotEntitled(LearningError):
    kind = Kind.FAILED_PRECONDITION
    message = "the course has a price and was not paid for: a checkout comes first"


class EnrollmentNotFound(LearningError):
    kind = Kind.NOT_FOUND
    message = "there is no such enrolment"


class EnrollmentDropped(LearningError):
    kind = Kind.FAILED_PRECONDITION
    message = "the entitlement to the course was taken back: nothing more is recorded"


class LessonNotInCourse(LearningError):
    kind = Kind.INVALID
    message = "the version of the course that is studied has no such lesson"


class LessonNotWatchable(LearningError):
    kind = Kind.INVALID
    message = "the lesson is an article and can't be watched"
