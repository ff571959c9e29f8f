"""Invented candidates in the shape of Greenhouse's Harvest, as pages of bytes that are ready to send.

A page is made from a template by replacing three marks of fixed width: so serving it costs next to
nothing, and the process that serves does not compete with the one that is measured.
"""

import random
from dataclasses import dataclass

import msgspec

PER_PAGE = 500
PLAIN, ROTATING = "plain", "rotating"
"""Names of listings: always the same; with addresses that are signed again for each answer."""
TEMPLATES = 4
"""Different pages: 2,000 different people, again and again. Compression looks better for it."""
_PAGE = b"700000"
_NOTE = b"@note-000@"
_SIGNATURE = b"@signature-of-sixteen@"
_WORDS = [
    "river",
    "stone",
    "maple",
    "copper",
    "north",
    "window",
    "garden",
    "harbour",
    "lantern",
    "meadow",
    "orchard",
    "pepper",
    "quartz",
    "saddle",
    "timber",
    "velvet",
    "willow",
    "yonder",
    "zephyr",
    "anchor",
    "basket",
    "candle",
    "dragon",
    "engine",
    "falcon",
    "ginger",
]


@dataclass(frozen=True, slots=True)
class Variant:
    """What the ATS says this time."""

    edition: int = 0
    """One record in a hundred has another title in each edition."""
    signature: str = "0"
    """Part of every attachment's address."""


def page_of(templates: list[bytes], number: int, variant: Variant) -> bytes:
    """Page `number`, counted from 0."""
    body = templates[number % len(templates)]
    body = body.replace(_PAGE, b"7%05d" % number)
    body = body.replace(_SIGNATURE, variant.signature.encode().rjust(len(_SIGNATURE), b"x"))
    return body.replace(_NOTE, b"@note-%03d@" % variant.edition) if variant.edition else body


def page_templates(seed: int = 7) -> list[bytes]:
    """Pages with marks instead of what differs."""
    chance = random.Random(seed)
    return [
        msgspec.json.encode([_candidate(chance, at) for at in range(PER_PAGE)])
        for _ in range(TEMPLATES)
    ]


def _candidate(chance: random.Random, at: int) -> dict[str, object]:
    first, last = (chance.choice(_WORDS).capitalize() for _ in range(2))
    key = int(_PAGE) * 1000 + at
    mail = f"{first}.{last}.{chance.randrange(10_000)}@people.example".lower()
    return {
        "id": key,
        "first_name": first,
        "last_name": last,
        "company": f"{chance.choice(_WORDS)} {chance.choice(_WORDS)} works".title(),
        "title": _NOTE.decode() if at % 100 == 7 else f"{chance.choice(_WORDS)} engineer",
        "created_at": _moment(chance, 2024),
        "updated_at": _moment(chance, 2025),
        "private": chance.random() < 0.1,
        "can_email": True,
        "photo_url": None,
        "recruiter_id": chance.randrange(10**6),
        "coordinator_id": chance.randrange(10**6),
        "email_addresses": [
            {"value": mail, "type": "personal"},
            {"value": f"work.{mail}", "type": "work"},
        ],
        "phone_numbers": [
            {"value": f"+1 555 01{chance.randrange(10_000):04}", "type": kind}
            for kind in ("mobile", "home")
        ],
        "addresses": [{"value": f"{chance.randrange(900)} {_text(chance, 4)} road", "type": "home"}],
        "website_addresses": [{"value": f"https://{_text(chance, 1)}.example", "type": "personal"}],
        "social_media_addresses": [{"value": f"https://social.example/{first}{last}".lower()}],
        "tags": [chance.choice(_WORDS) for _ in range(4)],
        "custom_fields": {
            f"{_WORDS[n]}_field": {"name": _WORDS[n].title(), "type": "short_text",
                                   "value": _text(chance, 5)}
            for n in range(8)
        },
        "attachments": [_attachment(chance, key, n) for n in range(3)],
        "applications": [_application(chance, key, n) for n in range(2)],
        "educations": [{"id": chance.randrange(10**6), "school_name": _text(chance, 3),
                        "degree": _text(chance, 2), "discipline": _text(chance, 2)}],
        "employments": [{"id": chance.randrange(10**6), "company_name": _text(chance, 3),
                         "title": _text(chance, 2), "start_date": _moment(chance, 2019)}],
    }  # fmt: skip


def _attachment(chance: random.Random, key: int, n: int) -> dict[str, object]:
    return {
        "id": key * 10 + n,
        "filename": f"{_text(chance, 2).replace(' ', '_')}.pdf",
        "type": ("resume", "cover_letter", "other")[n],
        "url": f"https://files.example/{key}/{n}?expires=3600&signature={_SIGNATURE.decode()}",
        "created_at": _moment(chance, 2024),
    }


def _application(chance: random.Random, key: int, n: int) -> dict[str, object]:
    return {
        "id": key * 10 + n,
        "candidate_id": key,
        "status": "active",
        "applied_at": _moment(chance, 2024),
        "last_activity_at": _moment(chance, 2025),
        "jobs": [{"id": chance.randrange(500), "name": _text(chance, 3).title()}],
        "current_stage": {"id": chance.randrange(50), "name": "Application Review"},
        "source": {"id": chance.randrange(40), "public_name": _text(chance, 2)},
        "answers": [{"question": _text(chance, 6), "answer": _text(chance, 4)}],
    }


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choice(_WORDS) for _ in range(words))


def _moment(chance: random.Random, year: int) -> str:
    return (
        f"{year}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
        f"T{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}.000Z"
    )
