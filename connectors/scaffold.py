"""Writes a commented first version of a definition, from an OpenAPI document or a sample answer."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from models.errors import UserError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_CANDIDATE_WORDS = ("candidate", "applicant", "people", "person")
_APPLICATION_WORDS = ("application", "submission", "opportunit")
_FIELD_WORDS: dict[str, tuple[str, ...]] = {
    "external_id": ("id", "uuid"),
    "first_name": ("first_name", "firstName", "firstname", "given_name"),
    "last_name": ("last_name", "lastName", "lastname", "family_name", "surname"),
    "emails": ("emails", "email_addresses", "emailAddresses", "email"),
    "phones": ("phones", "phone_numbers", "phoneNumbers", "phone", "phone_number"),
    "company": ("company", "employer"),
    "title": ("title", "headline", "position"),
    "tags": ("tags",),
    "external_created_at": ("created_at", "createdAt", "createdOn", "created"),
    "external_updated_at": ("updated_at", "updatedAt", "updatedOn", "modified_at", "updated"),
}


def new_definition(name: str, source: Path | None = None) -> str:
    """Returns the commented text of a definition that loads.

    It is made from an OpenAPI document or a sample answer (JSON) if one is given.

    Raises:
        UserError: the name is not valid, or the file cannot be read or is neither of the two.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f'"{name}" cannot be a connector\'s name',
            remedy="Use small letters, digits and hyphens.",
        )
    document = _read(source) if source is not None else {}
    facts = _from_openapi(document) if "paths" in document else _from_sample(document)
    return _text(name, facts)


def _read(source: Path) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(source.read_bytes())
    except (OSError, msgspec.DecodeError):
        raise UserError(
            f"{source} is no readable JSON file",
            remedy="Give an OpenAPI document or a sample answer as JSON.",
        ) from None
    if isinstance(value, list):
        return {"": value}
    if not isinstance(value, dict):
        raise UserError(f"{source} holds neither an object nor a list")
    return value


def _from_openapi(document: dict[str, Any]) -> dict[str, Any]:
    servers = document.get("servers") or [{}]
    paths = [path for path, item in document["paths"].items() if "get" in item and "{" not in path]
    return {
        "title": document.get("info", {}).get("title"),
        "base_url": servers[0].get("url"),
        "version": str(document.get("info", {}).get("version") or ""),
        "path": _best(paths, _CANDIDATE_WORDS) or _best(paths, _APPLICATION_WORDS),
        "paths": paths[:20],
    }


def _best(paths: list[str], words: tuple[str, ...]) -> str | None:
    fitting = [path for path in paths if any(word in path.lower() for word in words)]
    return min(fitting, key=len, default=None)


def _from_sample(document: dict[str, Any]) -> dict[str, Any]:
    for path, rows in _lists(document, ""):
        if rows and isinstance(rows[0], dict):
            return {"records": path or "@", "record": rows[0]}
    return {"record": document} if document else {}


def _lists(value: Any, path: str) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(value, list):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _lists(item, f"{path}.{key}".strip("."))


def _fields(record: dict[str, Any]) -> dict[str, str]:
    found = {
        field: word
        for field, words in _FIELD_WORDS.items()
        for word in reversed(words)
        if word in record
    }
    if "first_name" not in found and "name" in record:
        found["first_name"] = "{split_name: name, part: first}"
        found["last_name"] = "{split_name: name, part: last}"
    return {"external_id": "id", **found}


def _quoted(text: object) -> str:
    return msgspec.json.encode(str(text)).decode()


def _text(name: str, facts: dict[str, Any]) -> str:
    record = facts.get("record") or {}
    fields = _fields(record)
    updated = fields.get("external_updated_at")
    cursor = (
        f'{{kind: updated_at, field: {updated}, query: {{updated_after: "{{from}}"}}}}'
        "  # check the parameter's name, its format, and whether it is inclusive"
        if updated
        else "{kind: none}  # or updated_at, or sync_token: see the README"
    )
    mapped = "\n".join(f"  {field}: {path}" for field, path in fields.items())
    path = facts.get("path") or "/candidates"
    others = "".join(f"#   {one}\n" for one in facts.get("paths", ()))
    title = facts.get("title") or re.sub(r"[-_]", " ", name).title()
    base = facts.get("base_url") or "https://api.example.com/v1"
    known = f"# Its lists, as far as the document says:\n{others}" if others else ""
    unused = sorted(record.keys() - set(fields.values()))
    rest = f"  # not mapped yet: {', '.join(unused)}\n" if unused else ""
    return f"""\
# {title}: a first version. connectors/README.md explains every step; check it with
#   ats-sync connectors test {name}
{known}connector: {name}
title: {_quoted(title)}
api:
  base_url: {_quoted(base if "://" in str(base) else "https://api.example.com" + str(base))}
  version: {_quoted(facts.get("version") or "v1")}
  check: {{get: {path}}}  # a cheap request that only a good credential may make
auth: {{kind: bearer, token: "{{credentials.api_key}}"}}  # or header, basic, query, oauth2
credentials:
  api_key: {{description: "What it is called at the vendor, and where to find it"}}
limits:
  budgets:
    - {{kind: window, requests: 50, per: 10s}}  # what the vendor documents
lists:
  candidates:
    holds: candidates  # or applications, or both
    request: {{get: {path}}}
    records: {_path(facts.get("records", "@"))}
    pagination: {{kind: none}}  # page, offset, cursor, link_header or next_url
    cursor: {cursor}
candidate:
{mapped}
{rest}waivers:
  move: not written yet
  reject: not written yet
  hire: not written yet
  unreject: not written yet
  analytics: not written yet
tests:
  - name: a candidate keeps their id
    list: candidates
    given: {{{fields["external_id"]}: "1"}}
    candidate: {{external_id: "1"}}
"""


def _path(path: str) -> str:
    return '"@"' if path == "@" else path
