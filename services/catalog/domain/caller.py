"""Who asks, as far as courses care."""

from dataclasses import dataclass

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in user, or with an empty `user_id` anyone."""

    user_id: str = ""
    roles: frozenset[str] = frozenset()

    def owns(self, instructor_id: str) -> bool:
        return bool(self.user_id) and self.user_id == instructor_id

    def oversees(self, instructor_id: str) -> bool:
        """Whether the caller sees what isn't published: the owner and admins do."""
        return ADMIN in self.roles or self.owns(instructor_id)
