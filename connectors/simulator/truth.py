"""The state a perfect import arrives at, computed from the world and never from the wire."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from connectors.simulator.clock import moment
from connectors.simulator.world import Application, Contact, Person

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Truth:
    """Canonical candidates and applications by external id."""

    candidates: dict[str, Record]
    applications: dict[str, Record]


def contacts(values: Iterable[Contact], *, typed: bool = True) -> list[Record]:
    """Contacts in canonical form; `typed=False` where the vendor does not show the type."""
    return [{"value": c.value, "type": c.type if typed else None} for c in values]


def candidate_truth(person: Person, external_id: str) -> Record:
    """A person in canonical form."""
    return {
        "external_id": external_id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "emails": contacts(person.emails),
        "phones": contacts(person.phones),
        "addresses": contacts(person.addresses),
        "company": person.company,
        "title": person.title,
        "links": contacts(person.links),
        "tags": list(person.tags),
        "source": person.source,
        "custom_fields": dict(person.custom_fields),
        "attachments": [
            {"external_id": str(f.number), "name": f.name, "kind": f.kind} for f in person.files
        ],
        "is_private": person.private,
        "external_created_at": moment(person.created_ms),
        "external_updated_at": moment(person.updated_ms),
    }


def application_truth(
    application: Application,
    *,
    external_id: str,
    candidate: str,
    job: Record,
    stage: Record,
    status: str,
    reason: str | None,
) -> Record:
    """An application in canonical form."""
    return {
        "external_id": external_id,
        "candidate_external_id": candidate,
        "job": job,
        "status": status,
        "stage": stage,
        "rejection_reason": reason,
        "source": application.source,
        "custom_fields": dict(application.custom_fields),
        "applied_at": moment(application.created_ms),
        "rejected_at": moment(application.rejected_ms),
        "hired_at": moment(application.hired_ms),
        "external_updated_at": moment(application.updated_ms),
    }


def first_contacts(person: Person) -> Record:
    """The first e-mail address, phone number and postal address, where that is all there is."""
    fields = {"emails": person.emails, "phones": person.phones, "addresses": person.addresses}
    return {name: contacts(values[:1], typed=False) for name, values in fields.items()}


def without(record: Record, names: Iterable[str]) -> Record:
    """The record with these fields empty, where an API does not carry them."""
    empty = {name: _empty(record[name]) for name in names}
    return record | empty


def _empty(value: object) -> object:
    return type(value)() if isinstance(value, list | dict | bool) else None
