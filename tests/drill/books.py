"""What must hold between the services at the end, whatever died meanwhile."""

from collections import Counter
from typing import LiteralString

import httpx

from services.billing.queries import check_ledger
from services.chassis.reader import Reader
from tests.drill.found import rows
from tests.drill.site import Site


def breaks(site: Site) -> list[str]:
    """Every place where something that must hold doesn't."""
    return [*_ledger(site), *_provider(site), *_access(site), *_certificates(site), *_mail(site), *_dead_letters(site)]


def _ledger(site: Site) -> list[str]:
    """Billing's own rules, and once more in this judge's own words that nothing was made or lost."""
    sums = rows(site, "billing", "SELECT currency, sum(amount_minor) FROM ledger_postings GROUP BY currency")
    found = [f"the ledger sums to {total} {currency}" for currency, total in sums if total != "0"]
    reader = Reader(site.mesh.database_url("billing"), 1)
    try:
        found += [f"{broken.rule}: {broken.place}" for broken in check_ledger(reader).broken]
    finally:
        reader.close()
    return found


def _provider(site: Site) -> list[str]:
    """What the provider took is what we say was paid: charge by charge, and in the clearing account."""
    env = site.mesh.plan
    url = f"http://127.0.0.1:{env.port('stripe')}/v1/charges"
    key = env.secret("stripe.api_key", "sk_test_")
    taken: Counter[str] = Counter()
    total, after = 0, ""
    while True:
        query = {"limit": "100", **({"starting_after": after} if after else {})}
        page = httpx.get(url, params=query, auth=(key, ""), timeout=10).raise_for_status().json()
        for charge in page["data"]:
            if charge["status"] == "succeeded":
                taken[charge["payment_intent"]] += 1
                total += charge["amount"]
        if not page["has_more"]:
            break
        after = page["data"][-1]["id"]
    paid = Counter(
        intent for (intent,) in rows(site, "billing", "SELECT intent_id FROM payments WHERE paid_at IS NOT NULL")
    )
    found = [
        f"charge of {intent}: taken {taken[intent]}, paid {paid[intent]}"
        for intent in taken | paid
        if taken[intent] != 1 or paid[intent] != 1
    ]
    cleared = rows(
        site,
        "billing",
        """SELECT coalesce(sum(p.amount_minor), 0) FROM ledger_postings p
           JOIN ledger_accounts a ON a.id = p.account_id WHERE a.kind = 'stripe_clearing'""",
    )
    if cleared != [(str(total),)]:
        found.append(f"the provider took {total}, the books say {cleared}")
    return found


def _access(site: Site) -> list[str]:
    """Completed payment, one entitlement, one enrolment."""
    paid = Counter(rows(site, "billing", "SELECT user_id, course_id FROM payments WHERE state = 'completed'"))
    granted = Counter(rows(site, "billing", "SELECT user_id, course_id FROM entitlements WHERE revoked_at IS NULL"))
    enrolled = Counter(rows(site, "learning", "SELECT user_id, course_id FROM enrollments WHERE state <> 'dropped'"))
    found = [
        f"{who} paid {paid[who]} and is entitled {granted[who]} times" for who in paid if granted[who] != paid[who]
    ]
    both = granted | enrolled
    found += [
        f"{who} is entitled {granted[who]} and enrolled {enrolled[who]} times"
        for who in both
        if granted[who] != enrolled[who]
    ]
    return found


def _certificates(site: Site) -> list[str]:
    """Completed course, one certificate."""
    done = Counter(rows(site, "learning", "SELECT id FROM enrollments WHERE completed_at IS NOT NULL"))
    issued = Counter(rows(site, "certification", "SELECT enrollment_id FROM certificates"))
    return [
        f"enrolment {each}: completed {done[each]}, certificates {issued[each]}"
        for each in done | issued
        if done[each] != issued[each]
    ]


def mails_sent_again(site: Site) -> int:
    """Mails beyond one for each delivery. SMTP knows no repetition, so a crash between the server's word and our commit
    may send one again; it carries the same Message-ID."""
    return sum(max(0, arrived - made) for made, _, arrived in _mails(site).values())


def _mail(site: Site) -> list[str]:
    """What messaging says was sent, arrived."""
    return [f"{who} was sent {sent} mails and got {got}" for who, (_, sent, got) in _mails(site).items() if got < sent]


def _mails(site: Site) -> dict[str, tuple[int, int, int]]:
    """Per address: deliveries by mail, those of which messaging says that they were sent, and mails that arrived."""
    query: LiteralString = "SELECT user_id, state FROM deliveries WHERE channel = 'email'"
    deliveries = rows(site, "messaging", query)
    made, sent = Counter(user for user, _ in deliveries), Counter(user for user, state in deliveries if state == "sent")
    found = {}
    with httpx.Client(base_url=f"http://127.0.0.1:{site.mesh.plan.port('mail')}", timeout=10) as inbox:
        for user, email in rows(site, "identity", "SELECT id, email FROM users"):
            arrived = inbox.get("/api/messages", params={"to": email}).json()["messages"]
            found[email] = (made[user], sent[user], len(arrived))
    return found


def _dead_letters(site: Site) -> list[str]:
    return [
        f"{service} gave up {subject}: {reason}"
        for service in site.services
        for subject, reason in rows(site, service, "SELECT subject, reason FROM dead_letters WHERE replayed_at IS NULL")
    ]
