"""What the memory holds."""

from dataclasses import dataclass, field
from datetime import datetime

from services.chassis.memory import MemoryState
from services.identity.domain.api_key import ApiKey
from services.identity.domain.application import InstructorApplication
from services.identity.domain.audit import Entry
from services.identity.domain.erasure import Erasure
from services.identity.domain.letter import Letter, MailToken, Subject
from services.identity.domain.linking import Flow, LinkedAccount
from services.identity.domain.preferences import Preferences
from services.identity.domain.second_factor import Totp
from services.identity.domain.session import Session
from services.identity.domain.user import User


@dataclass
class State(MemoryState):
    users: dict[str, User] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    tokens: dict[str, tuple[str, int]] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    attempts: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    mail_tokens: dict[tuple[str, Subject], MailToken] = field(default_factory=dict)
    used_mail_tokens: set[str] = field(default_factory=set)
    letters: dict[str, Letter] = field(default_factory=dict)
    applications: dict[str, InstructorApplication] = field(default_factory=dict)
    preferences: dict[str, Preferences] = field(default_factory=dict)
    erasures: dict[str, Erasure] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    linked: dict[str, LinkedAccount] = field(default_factory=dict)
    totps: dict[str, Totp] = field(default_factory=dict)
    recovery_codes: dict[str, set[str]] = field(default_factory=dict)
    api_keys: dict[str, ApiKey] = field(default_factory=dict)
    api_key_hashes: dict[str, str] = field(default_factory=dict)
    audit: list[Entry] = field(default_factory=list)
