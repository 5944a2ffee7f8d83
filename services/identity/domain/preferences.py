"""How a user wants Campus to speak to them."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.identity.domain.errors import TimeZoneUnknown
from services.kernel.events import Aggregate, DomainEvent


@dataclass(frozen=True, kw_only=True)
class PreferencesUpdated(DomainEvent):
    user_id: str
    language: str
    time_zone: str
    email_notifications: bool
    in_app_notifications: bool


@dataclass(kw_only=True)
class Preferences(Aggregate):
    """Its id is the user's. What was never stored has version 0 and its usual values."""

    language: str = "en"
    time_zone: str = "UTC"
    email_notifications: bool = True
    in_app_notifications: bool = True

    def update(
        self,
        *,
        language: str | None,
        time_zone: str | None,
        email_notifications: bool | None,
        in_app_notifications: bool | None,
    ) -> None:
        """None leaves a preference as it is."""
        if time_zone is not None:
            _refuse_unknown(time_zone)
        given = {
            "language": language,
            "time_zone": time_zone,
            "email_notifications": email_notifications,
            "in_app_notifications": in_app_notifications,
        }
        for name, value in given.items():
            if value is not None:
                setattr(self, name, value)
        self.record(
            PreferencesUpdated(
                user_id=self.id,
                language=self.language,
                time_zone=self.time_zone,
                email_notifications=self.email_notifications,
                in_app_notifications=self.in_app_notifications,
            )
        )


def _refuse_unknown(time_zone: str) -> None:
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TimeZoneUnknown(field="time_zone") from None
