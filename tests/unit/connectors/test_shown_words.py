"""What a vendor's answer may add to an error: words and small numbers, never content."""

from base64 import b64encode

import pytest

from connectors.definition.limits import Errors
from connectors.http.answers import secrets_in
from connectors.http.auth import Applied
from connectors.http.error_classifier import ErrorClassifier, not_json

CLASSIFIER = ErrorClassifier(Errors(code="code"))


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("candidate_not_found", True),
        ("MISSING_REQUIRED_FIELD_IN_APPLICATION", True),
        ("E1042", True),
        ("40301", True),
        ("errors.com.example.NoSuchStage", True),
        ("sk_live_abc123def456", False),
        ("12025550143", False),
        ("202-555-0143", False),
        ("202.555.014", False),
        ("ada@example.com", False),
        ("Ada Lovelace", False),
        ("x" * 61, False),
        ("9f86d081884c7d65", False),
    ],
)
def test_a_vendors_code_is_shown_only_where_it_is_a_word_or_a_small_number(
    code: str, *, shown: bool
) -> None:
    assert CLASSIFIER.code({"code": code}) == (f" ({code})" if shown else "")


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [
        ("text/html; charset=utf-8", "text/html"),
        ("TEXT/HTML", "text/html"),
        ("", "no content type"),
        ("ada.lovelace/12025550143", "an odd content type"),
        ("token/sk_live_abcdef", "an odd content type"),
    ],
)
def test_a_content_type_is_shown_only_where_it_is_a_usual_one(
    content_type: str, shown: str
) -> None:
    assert str(not_json("poll", 200, content_type)) == f"poll: expected JSON, got {shown}"


@pytest.mark.parametrize(
    ("applied", "secret"),
    [
        (Applied({"X-Key": "key-of-acme"}), "key-of-acme"),
        (Applied({"Authorization": "Bearer token-of-acme"}), "token-of-acme"),
        (Applied({"Authorization": f"Basic {b64encode(b'acme:pass-word').decode()}"}), "pass-word"),
        (Applied(query={"api_key": "key-of-acme"}), "key-of-acme"),
    ],
)
def test_a_vendor_that_repeats_the_credential_is_not_quoted(applied: Applied, secret: str) -> None:
    body = {"code": secret.upper(), "message": f"{secret} has no right"}
    secrets = secrets_in(applied)

    assert CLASSIFIER.code(body, secrets) == ""
    assert CLASSIFIER.words({}, body, secrets) == ""
    assert CLASSIFIER.words({}, {"message": "Bearer is no right"}, secrets) == "Bearer is no right"
