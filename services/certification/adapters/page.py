"""The page that tells a person whether a certificate is real. No scripts, nothing loaded from anywhere."""

import base64
from datetime import datetime
from hashlib import sha256
from html import escape

from services.certification.domain.certificate import State
from services.certification.queries import CertificateRow
from services.certification.wire import day

_STYLE = """
:root{color-scheme:light;--ink:#141f3b;--gold:#a98449;--grey:#5b6372;--paper:#fefdfa;--tone:#2f6b4f;--tint:#e8f2ec}
.revoked{--tone:#a3312b;--tint:#fbeae8}.unknown{--tone:#7a5a1e;--tint:#f8f0df}
*{box-sizing:border-box}html{background:#efece4}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;color:var(--ink);
font:1rem/1.55 Georgia,"Source Serif 4","Noto Serif",serif}
main{width:100%;max-width:38rem;background:var(--paper);border:2px solid var(--ink);padding:.6rem;
box-shadow:0 1.2rem 3rem rgba(20,31,59,.14)}
article{border:1px solid var(--gold);padding:2.4rem clamp(1.2rem,5vw,3rem) 2rem;text-align:center}
.brand{margin:0 0 1.6rem;color:var(--gold);font:600 .8rem/1 system-ui,sans-serif;letter-spacing:.42em;text-indent:.42em}
.badge{width:4.2rem;height:4.2rem;margin:0 auto 1rem;border-radius:50%;display:grid;place-items:center;
background:var(--tint);color:var(--tone)}.badge svg{width:2.1rem;height:2.1rem}
h1{margin:0 0 .4rem;font-size:clamp(1.5rem,5vw,2rem);font-weight:400;line-height:1.2;color:var(--tone)}
.lead{margin:0 auto;max-width:28rem;color:var(--grey)}
.name{margin:1.8rem 0 .2rem;font-size:clamp(1.6rem,6.5vw,2.4rem);line-height:1.25;overflow-wrap:anywhere}
.title{margin:.2rem 0 0;font-size:1.2rem;overflow-wrap:anywhere}.soft{margin:0;font-style:italic;color:var(--grey)}
hr{width:60%;margin:1.6rem auto;border:0;border-top:1px solid var(--gold)}
dl{display:grid;grid-template-columns:1fr 1fr;gap:1rem;margin:0;text-align:left}
dt{font:600 .68rem/1.6 system-ui,sans-serif;letter-spacing:.1em;text-transform:uppercase;color:var(--grey)}
dd{margin:0}.wide{grid-column:1/-1}code{font:.9rem/1.5 ui-monospace,monospace;overflow-wrap:anywhere}
footer{margin-top:1.8rem;font-size:.82rem;color:var(--grey)}
@media(max-width:26rem){dl{grid-template-columns:1fr}}
@media print{html{background:none}main{box-shadow:none}}
"""
_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
_SIGNS = {
    "valid": '<path d="M4 12.5 9.5 18 20 6.5"/>',
    "revoked": '<path d="M6 6l12 12M18 6 6 18"/>',
    "unknown": '<path d="M9 9a3 3 0 1 1 4.2 2.7c-.8.4-1.2 1-1.2 1.8M12 17.5v.1"/>',
}

HEADERS = (
    (
        "content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-robots-tag", "noindex"),
)


def verification_page(found: CertificateRow | None, typed: str) -> str:
    """What was found by the code that was typed, as HTML."""
    if found is None:
        lead = "No certificate has this code. Compare it with the one that stands on the certificate."
        return _page(
            "unknown",
            "Not a certificate of ours",
            lead,
            "<hr>" + _facts((("Code asked for", f"<code>{escape(typed)}</code>"),)),
        )
    if found.state == State.REVOKED:
        lead = "Campus issued this certificate and withdrew it later. It counts no longer."
        return _page("revoked", "Certificate withdrawn", lead, _certified(found))
    lead = "Campus issued this certificate, and it counts."
    return _page("valid", "Valid certificate", lead, _certified(found))


def _certified(found: CertificateRow) -> str:
    facts = (
        ("Completed on", _time(found.completed_at)),
        ("Issued on", _time(found.issued_at)),
        ("Code", f"<code>{escape(found.code)}</code>"),
    )
    return (
        f'<p class="name"><bdi>{escape(found.holder_name)}</bdi></p><p class="soft">completed the course</p>'
        f'<p class="title"><bdi>{escape(found.course_title)}</bdi></p><hr>{_facts(facts)}'
    )


def _facts(facts: tuple[tuple[str, str], ...]) -> str:
    wide = ("Code", "Code asked for")
    entries = (
        f"<div{' class=wide' if label in wide else ''}><dt>{label}</dt><dd>{value}</dd></div>" for label, value in facts
    )
    return f"<dl>{''.join(entries)}</dl>"


def _time(moment: datetime) -> str:
    return f'<time datetime="{moment:%Y-%m-%d}">{day(moment)}</time>'


def _page(state: str, heading: str, lead: str, body: str) -> str:
    sign = (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round"'
        f' stroke-linejoin="round" aria-hidden="true">{_SIGNS[state]}</svg>'
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{heading} · Campus</title><style>{_STYLE}</style></head>"
        f'<body class="{state}"><main><article><p class="brand">CAMPUS</p><div class="badge">{sign}</div>'
        f'<h1>{heading}</h1><p class="lead">{lead}</p>{body}'
        "<footer>Trust this page only at the address of Campus that you know.</footer></article></main></body></html>"
    )
