"""What catalog refuses, by name; errors.proto says what each means to a caller."""

from services.kernel.errors import CampusError, Kind


class CatalogError(CampusError):
    domain = "campus.catalog"


class CourseNotFound(CatalogError):
    kind = Kind.NOT_FOUND
    message = "there is no such course"


class CourseNotOwned(CatalogError):
    kind = Kind.FORBIDDEN
    message = "the course belongs to another instructor"


class CourseArchived(CatalogError):
    kind = Kind.FAILED_PRECONDITION
    message = "the course is archived and can't be changed or published any more"


class CourseEmpty(CatalogError):
    kind = Kind.FAILED_PRECONDITION
    message = "a course without a single lesson can't be published"


class CourseFull(CatalogError):
    kind = Kind.FAILED_PRECONDITION
    message = "the course has as many modules or lessons as a course may have"


class ModuleNotFound(CatalogError):
    kind = Kind.NOT_FOUND
    message = "the course has no such module"


class LessonNotFound(CatalogError):
    kind = Kind.NOT_FOUND
    message = "there is no such lesson"


class CourseVersionNotFound(CatalogError):
    kind = Kind.NOT_FOUND
    message = "the course never had this published version"
