"""Who can sign in to a freshly seeded mesh; the password is made at its first start."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """One demo account."""

    email: str
    name: str
    role: str


ACCOUNTS = {
    account.role: account
    for account in (
        Account("student@campus.example", "Ana Estévez", "student"),
        Account("instructor@campus.example", "Noor Haddad", "instructor"),
        Account("admin@campus.example", "Ada Minami", "admin"),
    )
}
