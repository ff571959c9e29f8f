"""What an integration does not want to have is in no mapped record."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from config.operator import Privacy
from connectors.read.privacy import PrivacyFilter, is_demographic, without_demographic
from connectors.values import Mapped
from models.candidate import APPLICATION_FIELDS, CANDIDATE_FIELDS
from models.field_classes import FIELD_CLASSES, HASHABLE, NEEDED
from tests.support.records import empty_application, empty_candidate
from tests.unit.connectors.test_odd_records import BOTH, STAGE, map_one

pytestmark = pytest.mark.fuzz("payloads")

KEY = SecretStr("a key of these hashes")
ADA = {
    "id": 1,
    "name": "Ada",
    "emails": ["ada@example.com"],
    "phones": [{"number": "555", "kind": "work"}],
    "tags": [{"title": "t1"}],
    "fields": [
        {"label": "Salary", "value": 9},
        {"label": "Gender", "value": "CANARY"},
        {"label": "What is your ethnicity?", "value": ["CANARY"]},
    ],
    "files": [{"id": 1, "name": "cv.pdf", "url": "https://x.example/cv"}],
}


def test_each_canonical_field_has_a_class() -> None:
    fields = {f"candidate.{name}" for name in CANDIDATE_FIELDS}
    fields |= {f"application.{name}" for name in APPLICATION_FIELDS}

    assert set(FIELD_CLASSES) == fields
    assert fields >= NEEDED | HASHABLE
    assert not NEEDED & HASHABLE
    assert {FIELD_CLASSES[name] for name in NEEDED} == {"none"}


async def candidate(**privacy: Any) -> dict[str, Any]:
    found, _ = await map_one(ADA, privacy=Privacy(**privacy))
    assert isinstance(found, Mapped)
    return dict(found.candidate or {})


async def test_demographic_fields_are_not_imported_unless_that_is_asked_for() -> None:
    as_it_is, asked = await candidate(), await candidate(demographic=True)
    named, _ = await map_one(ADA, fields={"custom_fields.Gender": "fields[1].value"})

    assert as_it_is["custom_fields"] == {"Salary": 9}
    assert asked["custom_fields"] == {
        "Salary": 9, "Gender": "CANARY", "What is your ethnicity?": ["CANARY"],
    }  # fmt: skip
    assert isinstance(named, Mapped)
    assert named.candidate is not None
    assert named.candidate["custom_fields"] == {"Salary": 9, "Gender": "CANARY"}


async def test_dropped_fields_are_empty_one_by_one_or_by_class() -> None:
    some = await candidate(drop=["phones", "candidate.first_name", "custom_fields.Salary"])
    sensitive, personal = await candidate(drop=["sensitive"]), await candidate(drop=["personal"])

    assert (some["phones"], some["first_name"], some["custom_fields"]) == ([], None, {})
    assert some["emails"] == [{"value": "ada@example.com", "type": None}]
    assert (sensitive["custom_fields"], sensitive["attachments"]) == ({}, [])
    assert sensitive["first_name"] == "Ada"
    assert (personal["first_name"], personal["emails"], personal["tags"]) == (None, [], [])
    assert personal["external_id"] == "1"


async def test_hashed_fields_keep_equality_and_nothing_else() -> None:
    hashing = {"hash": ["emails", "first_name", "tags", "custom_fields.Salary"], "key": KEY}
    one, again = await candidate(**hashing), await candidate(**hashing)
    other = await candidate(**hashing | {"key": SecretStr("another key")})

    assert one == again
    assert one["emails"][0]["value"].startswith("hmac:")
    assert one["phones"] == [{"value": "555", "type": "work"}]
    shown = f"{one['emails']}{one['first_name']}{one['tags']}{one['custom_fields']}"
    assert not any(text in shown for text in ("ada", "Ada", "t1", " 9"))
    assert one["emails"] != other["emails"]


async def test_a_status_that_follows_from_the_reason_is_read_before_the_reason_is_dropped() -> None:
    record = {
        "id": 1, "name": "Ada",
        "applications": [
            {"id": 2, "stage": STAGE | {"kind": "Closed"}, "reason": "CANARY", "job": {"id": 1}}
        ],
    }  # fmt: skip
    found, _ = await map_one(record, BOTH, privacy=Privacy(drop=["application.rejection_reason"]))

    assert isinstance(found, Mapped)
    assert found.applications[0]["status"] == "rejected"
    assert "CANARY" not in str(found)


@pytest.mark.parametrize(
    "name",
    [
        *("Gender", "gender_identity", "What is your gender?", "Sex", "preferredPronouns", "Race"),
        *("race/ethnicity", "Are you Hispanic or Latino?", "veteranStatus", "Disability status"),
        *("Sexual Orientation", "DOB", "Date of birth", "Age", "Religion", "marital-status"),
        *("EEOC answers", "demographic_questions", "Geschlecht", "National origin", "Nationality"),
        *(
            "EEOGender",
            "USDisabilityStatus",
            "genderidentity",
            "dateofbirth",
            "D.O.B.",
            "birth_day",
        ),
        *(
            "Nationalita\u0308t",
            "\uff27\uff45\uff4e\uff44\uff45\uff52",
            "Staatsangehörigkeit",
            "Date de naissance",
        ),
        *(
            "Origine ethnique",
            "Religionszugehörigkeit",
            "Schwerbehindert",
            "État civil",
            "Form CC-305",
        ),
    ],
)
def test_a_name_about_what_the_law_protects_is_known(name: str) -> None:
    assert is_demographic(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Salary",
            "Manager",
            "Language",
            "Agency",
            "Essex office",
            "Trace id",
            "Stage",
            "Package",
        ),
        *("Notice period", "Work permit", "Engagement", "Grace period", "Embrace", "Page", ""),
        *(
            "Platinum",
            "Latest employer",
            "Birthplace of the project",
            "Genre de contrat",
            "305",
            "EOE",
        ),
        *("Years of experience", "Middlesex", "Message", "Usage", "Discovery"),
    ],
)
def test_another_name_is_not_taken_for_one(name: str) -> None:
    assert not is_demographic(name)


def test_raw_values_lose_their_demographic_entries_at_any_depth() -> None:
    raw = [
        {"label": "Gender", "value": "CANARY"},
        {"question": "Team?", "answers": [{"race": "CANARY", "team": "blue"}]},
        {"group": {"veteran": {"x": "CANARY"}, "n": {"name": "Age group", "value": "CANARY"}}},
    ]

    assert without_demographic(raw) == [
        {"question": "Team?", "answers": [{"team": "blue"}]},
        {"group": {}},
    ]


NAMES = sorted(FIELD_CLASSES.keys() - NEEDED)
VALUES = st.text(min_size=4, alphabet="ÄÖÜ")


@given(
    drop=st.lists(st.sampled_from([*NAMES, "personal", "sensitive", "custom_fields.x"])),
    hashed=st.lists(st.sampled_from([*sorted(HASHABLE), "application.custom_fields.x"])),
    value=VALUES,
)
def test_of_what_is_dropped_or_hashed_no_text_is_left_and_of_all_else_everything(
    drop: list[str], hashed: list[str], value: str
) -> None:
    privacy = PrivacyFilter(Privacy(drop=drop, hash=hashed, key=KEY))
    gone = {*privacy._drops, *privacy._hashes}
    for part, record in (
        ("candidate", dict(empty_candidate("c1"))),
        ("application", dict(empty_application("a1", "c1"))),
    ):
        for name in record:
            if f"{part}.{name}" in HASHABLE:
                is_list = isinstance(record[name], list)
                item = value if name == "tags" else {"value": value, "type": None}
                record[name] = [item] if is_list else value
        record["custom_fields"] = {"x": value}
        before = {**record}
        privacy.apply(part, record)

        for name, now in record.items():
            if f"{part}.{name}" in gone or (
                name == "custom_fields" and f"{part}.custom_fields.x" in gone
            ):
                assert value not in str(now)
            else:
                assert now == before[name]


def test_hashes_without_a_key_are_a_mistake() -> None:
    with pytest.raises(ValidationError):
        Privacy(hash=["emails"])
