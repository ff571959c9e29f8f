"""Answers of a token address or login: the JSON object, or the error that says what is wrong."""

import re
from datetime import datetime, timedelta
from typing import Any, NoReturn

import jmespath
import msgspec

from config.header_text import unusable_in_header
from connectors.errors import AuthRefused, BrokenAnswer, Forbidden, TokenUnavailable, Unavailable
from connectors.http.answers import json_or_none
from connectors.http.client import Answer
from connectors.http.decoding import in_utf8
from connectors.http.error_classifier import not_json
from connectors.times import http_date, read_time

_NOT_THERE = frozenset({404, 405, 410})
_CREDENTIAL_CODES = frozenset(
    {"invalid_client", "unauthorized_client", "invalid_grant", "access_denied"}
)
_PASSING_CODES = frozenset({"temporarily_unavailable", "server_error"})
_REQUEST_CODES = frozenset({"invalid_request", "unsupported_grant_type"})
_LONGEST_LIFE = timedelta(days=36_500)
_SHOWN_CODES = _CREDENTIAL_CODES | _PASSING_CODES | _REQUEST_CODES | {"invalid_scope"}
_SAFE_CODE = re.compile(r"[a-z_]{1,40}")
_PLAIN_PATH = re.compile(r"[A-Za-z_][\w.]*")


class TokenWords(msgspec.Struct, frozen=True):
    """The settings that an operator has to check when no token is given."""

    credential: str
    address: str
    grant: str
    """The meaning of `invalid_grant` (RFC 6749, 5.2)."""


def token_body(answer: Answer, words: TokenWords) -> dict[str, Any]:
    """The JSON object that holds the token.

    Raises:
        AuthRefused: the credential is refused.
        Forbidden: the credential is good, and a permission is missing.
        TokenUnavailable: the address or the form of the request is wrong.
        Unavailable: the token address is not well.
        BrokenAnswer: the answer is no JSON object.
    """
    content_type = answer.headers.get("Content-Type", "")
    body = json_or_none(in_utf8(answer.body, content_type))
    code = _code(body)
    if answer.status >= 400 or code is not None:
        _refuse(answer.status, code, words)
    if not isinstance(body, dict):
        if body is None:
            error = not_json("token", answer.status, content_type)
            raise BrokenAnswer(
                f"{error}; is {words.address} right?", status=answer.status, operation="token"
            )
        raise BrokenAnswer("the token answer is no JSON object", operation="token")
    return body


def _code(body: Any) -> str | None:
    """The error code of RFC 6749; some vendors send it with status 200."""
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, str) and _SAFE_CODE.fullmatch(found) else None


def _refuse(status: int, code: str | None, words: TokenWords) -> NoReturn:
    # Any other word may be anything that was sent.
    answered = f"answered {status}" + (f", {code}" if code in _SHOWN_CODES else "")
    where: dict[str, Any] = {"status": status, "operation": "token"}
    if status >= 500 or status in {408, 425} or code in _PASSING_CODES:
        raise Unavailable(f"the token address {answered}", **where)
    none = f"the ATS gave no access token ({answered})"
    if code == "invalid_grant":
        raise AuthRefused(f"{none}: {words.grant}", **where)
    if code in _CREDENTIAL_CODES:
        raise AuthRefused(f"{none}: check {words.credential}", **where)
    if code == "invalid_scope" or status == 403:
        raise Forbidden(
            f"{none}: a permission, a scope or a network rule is missing at the ATS", **where
        )
    if status in _NOT_THERE:
        raise TokenUnavailable(
            f"the token address {answered}: no tokens are given there; correct {words.address}",
            **where,
        )
    if code not in _REQUEST_CODES and status in {200, 400, 401}:
        raise AuthRefused(f"{none}: check {words.credential}", **where)
    raise TokenUnavailable(
        f"the token address {answered}: it does not take such a request; check `auth` of the "
        f"definition (its grant, form and send_as), then {words.credential}",
        **where,
    )


def token_in(body: dict[str, Any], path: str) -> str:
    """The token at a path.

    Raises:
        BrokenAnswer: there is none, or it cannot be sent.
    """
    found = jmespath.search(path, body)
    token = found.strip() if isinstance(found, str) else ""
    if not token:
        raise BrokenAnswer(f"the token answer has no {path}", operation="token")
    if why := unusable_in_header(token):
        raise BrokenAnswer(f"the token answer's {path} {why}", operation="token")
    return token


def beside(body: dict[str, Any], path: str, name: str) -> Any:
    """Returns a value beside the token, or else at the top."""
    holder, _, _ = path.rpartition(".")
    near = jmespath.search(holder, body) if _PLAIN_PATH.fullmatch(holder) else None
    found = near.get(name) if isinstance(near, dict) else None
    return body.get(name) if found is None else found


def life_of(body: dict[str, Any], path: str, answer: Answer, now: datetime) -> timedelta | None:
    """Returns the token's life time by `expires_in` (seconds) or `expires_at` (ISO or epoch seconds).

    None where the answer does not say. A moment counts by the vendor's own clock.
    """
    now = http_date(answer.headers.get("Date")) or now
    try:
        life = _life(beside(body, path, "expires_in"), beside(body, path, "expires_at"), now)
    except (ValueError, OverflowError):
        return None
    return life if life is not None and life < _LONGEST_LIFE else None


def _life(within: Any, at: Any, now: datetime) -> timedelta | None:
    seconds = float(within) if isinstance(within, int | float | str) and within is not True else 0.0
    if seconds > 0:
        return timedelta(seconds=seconds)
    ends = read_time(at, "epoch_s" if isinstance(at, int | float) else "iso")
    return None if ends is None else max(ends - now, timedelta(0))
