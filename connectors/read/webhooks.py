"""Webhooks: the proof of an event's sender, and the records that it is about. Pure.

An event is a hint. Nothing of its content is imported: the records that it names are read again at the
ATS, so that an old, repeated or incomplete event does no harm.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

import msgspec

from config.operator import Integration
from connectors.definition.compiled_paths import Getter, compile_path
from connectors.definition.root import DefinitionModel
from connectors.definition.webhook import Signature, Webhook
from connectors.read.ids import identifier

Refusal = Literal["not_configured", "malformed", "not_signed", "bad_signature", "stale"]
Headers = Mapping[str, str]
"""Names without regard to case, such as aiohttp's."""

LONGEST_NAME = 100
MOST_RECORDS = 500
"""Records of one list that an event may name; those beyond are found by polls."""
_MILLISECONDS = 100_000_000_000
"""A count from here on is in milliseconds: as seconds it would be a date after the year 5000."""
_PART = re.compile(r"\{(signature|timestamp)\}")
_SIGNED = re.compile(r"\{(body|timestamp|body\.[^}]+|header\.[^}]+)\}")


class WebhookRefused(Exception):
    """An event that proves nothing. `reason` is for metrics and logs; it quotes nothing."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason = reason


class SignedEvent(msgspec.Struct, frozen=True):
    """A signed event."""

    event_id: str
    """The vendor's own, or a digest of what was signed: equal for an event that is sent again."""
    name: str
    """At most 100 printable characters."""
    records: Mapping[str, Sequence[str]]
    """The external ids of records by their list; empty for a test event."""


class _Proof(msgspec.Struct, frozen=True):
    signature: bytes
    timestamp: str | None


class WebhookReader:
    """Reads the events of one integration."""

    def __init__(self, webhook: Webhook, secrets: Sequence[str], holds: Mapping[str, str]) -> None:
        """Args:
        webhook: the definition's part.
        secrets: the keys that are accepted; none: every event is refused.
        holds: what the records of each list that can be read by id are: `candidates`,
            `applications` or `both`.
        """
        self._webhook = webhook
        self._secrets = [secret.encode() for secret in secrets]
        self._records = {name: compile_path(path) for name, path in _paths(webhook, holds)}
        self._name = compile_path(webhook.event) if webhook.event else None
        self._event_id = compile_path(webhook.event_id) if webhook.event_id else None
        self._timestamp = compile_path(webhook.timestamp) if webhook.timestamp else None
        self._format = _format_pattern(webhook.signature.format)

    @property
    def answer(self) -> int:
        """The HTTP status that the vendor takes as received."""
        return self._webhook.answer

    def is_registration(self, headers: Headers, body: bytes) -> bool:
        """True if the vendor only registers the address: the request is about no event."""
        return bool(self.handshake(headers)) and body.strip() in (b"", b"{}")

    def handshake(self, headers: Headers) -> dict[str, str]:
        """Returns the headers that the vendor expects back when it registers the address."""
        name = self._webhook.handshake
        return {} if name is None or name not in headers else {name: headers[name]}

    def read(self, headers: Headers, body: bytes, now: datetime) -> SignedEvent:
        """Checks the signature and the time of sending, and finds the records.

        Raises:
            WebhookRefused: the event is not one of this vendor, or too old, or no JSON object.
        """
        if not self._secrets:
            raise WebhookRefused("not_configured")
        payload = _object(body)
        proof = self._signed_by(headers, body, payload)
        self._require_fresh(headers, payload, proof, now)
        return SignedEvent(
            event_id=self._id_of(headers, body, payload),
            name=self._name_of(headers, payload),
            records=dict(self._records_of(payload)),
        )

    def _signed_by(self, headers: Headers, body: bytes, payload: dict[str, Any]) -> _Proof:
        proofs = list(self._proofs(headers, payload))
        if not proofs:
            raise WebhookRefused("not_signed")
        matching = [
            proof
            for proof in proofs
            for secret in self._secrets
            if hmac.compare_digest(
                proof.signature,
                hmac.digest(secret, self._message(headers, body, payload, proof), "sha256"),
            )
        ]
        if not matching:
            raise WebhookRefused("bad_signature")
        return matching[0]

    def _proofs(self, headers: Headers, payload: dict[str, Any]) -> Iterator[_Proof]:
        signature = self._webhook.signature
        written = headers.get(signature.header or "") if signature.header else None
        if signature.at is not None:
            written = compile_path(signature.at)(payload)
        if not isinstance(written, str):
            return
        if signature.wrapped == "base64":
            written = (_from_base64(written) or b"").decode("latin-1")
        parts = written.split(signature.separator) if signature.separator else [written]
        for part in parts:
            found = self._format.fullmatch(part.strip())
            if found is not None:
                given = found.groupdict()
                digest = _decoded(signature, given["signature"])
                if digest is not None:
                    yield _Proof(digest, given.get("timestamp"))

    def _message(
        self, headers: Headers, body: bytes, payload: dict[str, Any], proof: _Proof
    ) -> bytes:
        def value(name: str) -> bytes:
            if name == "body":
                return body
            if name == "timestamp":
                return (proof.timestamp or "").encode()
            kind, _, rest = name.partition(".")
            if kind == "header":
                return headers.get(rest, "").encode("utf-8", "surrogateescape")
            return _written(payload.get(rest))

        template, message, end = self._webhook.signature.message, b"", 0
        for found in _SIGNED.finditer(template):
            message += template[end : found.start()].encode() + value(found[1])
            end = found.end()
        return message + template[end:].encode()

    def _require_fresh(
        self, headers: Headers, payload: dict[str, Any], proof: _Proof, now: datetime
    ) -> None:
        sent = proof.timestamp
        if self._timestamp is not None:
            sent = _written(self._timestamp(payload)).decode()
        elif self._webhook.timestamp_header is not None:
            sent = headers.get(self._webhook.timestamp_header)
        elif sent is None:
            return
        moment = _moment(sent)
        if moment is None or abs(now - moment) > self._webhook.accepts:
            raise WebhookRefused("stale")

    def _id_of(self, headers: Headers, body: bytes, payload: dict[str, Any]) -> str:
        given = _given(headers, self._webhook.event_id_header, payload, self._event_id)
        return identifier(given) or sha256(body).hexdigest()

    def _name_of(self, headers: Headers, payload: dict[str, Any]) -> str:
        given = _given(headers, self._webhook.event_header, payload, self._name)
        name = given if isinstance(given, str) else "unknown"
        return "".join(c if c.isprintable() else "?" for c in name[:LONGEST_NAME])

    def _records_of(self, payload: dict[str, Any]) -> Iterator[tuple[str, Sequence[str]]]:
        for name, path in self._records.items():
            found = path(payload)
            items = found[:MOST_RECORDS] if isinstance(found, list) else [found]
            external_ids = dict.fromkeys(filter(None, map(identifier, items)))
            if external_ids:
                yield name, tuple(external_ids)


def webhook_reader(model: DefinitionModel, integration: Integration) -> WebhookReader | None:
    """Returns the reader for an integration's webhooks; None if its ATS sends none.

    The credential that is the key may have several keys, with blanks in between.
    """
    webhook = model.webhook
    if webhook is None:
        return None
    given = integration.credentials.get(webhook.signature.secret)
    holds = {
        name: spec.holds
        for name, spec in model.lists.items()
        if spec.holds != "lookup" and spec.fetch is not None
    }
    return WebhookReader(webhook, given.get_secret_value().split() if given else (), holds)


def _paths(webhook: Webhook, holds: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, kind in holds.items():
        usual = webhook.application_id if kind == "applications" else webhook.candidate_id
        path = webhook.records.get(name, usual)
        if path is not None:
            yield name, path


def _format_pattern(template: str) -> re.Pattern[str]:
    pattern, end = "", 0
    for found in _PART.finditer(template):
        pattern += re.escape(template[end : found.start()]) + rf"(?P<{found[1]}>[^\s,;]+?)"
        end = found.end()
    return re.compile(pattern + re.escape(template[end:]))


def _object(body: bytes) -> dict[str, Any]:
    try:
        payload = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WebhookRefused("malformed") from None
    if not isinstance(payload, dict):
        raise WebhookRefused("malformed")
    return payload


def _decoded(signature: Signature, text: str) -> bytes | None:
    if signature.encoding == "base64":
        return _from_base64(text)
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _given(
    headers: Headers, header: str | None, payload: dict[str, Any], at: Getter | None
) -> object:
    """Returns what the body has at a path, where one is declared, or else the header."""
    if at is not None:
        return at(payload)
    return None if header is None else headers.get(header)


def _written(value: object) -> bytes:
    """A value as vendors put it into a signed text."""
    match value:
        case str():
            return value.encode("utf-8", "surrogatepass")
        case None:
            return b""
        case bool() | int() | float():
            return msgspec.json.encode(value)
    return b""


def _moment(sent: str | None) -> datetime | None:
    if not sent:
        return None
    try:
        if sent.isascii() and sent.isdigit():
            count = int(sent[:16])
            scale = 1000 if count >= _MILLISECONDS else 1
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=count / scale)
        read = datetime.fromisoformat(sent)
    except (ValueError, OverflowError):
        return None
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
