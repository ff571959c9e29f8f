"""Erased people in an import: left out before a page is written, removed after it if need be.

An erasure may be requested at any moment. A page that was checked before the request is checked
again after its last write: either that check finds the request, or every write of the page came
before it, and the erasure removes them like all others.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import msgspec

from daemon.core.erasure import PersonIds, addresses_of
from daemon.importing.context import ImportContext
from daemon.importing.prepared_page import PreparedPage
from daemon.ports.erasures import ErasedPeople

CHECKED_AGAIN_AFTER = timedelta(seconds=1)
"""A page is not checked before its writes if the one before it was, so recently."""

LEFT_OUT = "records_of_erased_people"


class ListRecord(Protocol):
    """One record of a list, as it was mapped or as its snapshot has it."""

    @property
    def external_id(self) -> str: ...
    @property
    def candidate(self) -> Any: ...
    @property
    def applications(self) -> Sequence[Any]: ...


class KnownIds(msgspec.Struct, frozen=True):
    """The ids of a record, as far as they are known."""

    external_id: str
    candidate: Any = None
    applications: Sequence[Any] = ()


def erased_test(
    erased: ErasedPeople, integration: UUID, list_name: str
) -> Callable[[ListRecord], bool]:
    """Returns a test of records of one list: True for one of a person who was erased."""

    def of_erased(record: ListRecord) -> bool:
        return any(map(erased.holds, person_of(integration, list_name, record).identities)) or any(
            map(erased.holds_address, addresses_of(record.candidate))
        )

    return of_erased


def erased_in(context: ImportContext, list_name: str) -> Callable[[ListRecord], bool]:
    return erased_test(context.ports.erased, context.integration_id, list_name)


async def refresh_erased(context: ImportContext, *, at_once: bool = True) -> int:
    """Reads who was erased since, and forgets what the state of the import names of them.

    Returns the version of what is known now.
    """
    young = timedelta(0) if at_once else CHECKED_AGAIN_AFTER
    version = await context.ports.erased.refresh(unless_younger_than=young)
    if version != context.erased_version:
        context.erased_version = version
        for facts in context.connector.lists:
            is_erased = erased_in(context, facts.name)
            unread = context.state.unread_of(facts.name)
            unread.forget([e for e in unread.records if is_erased(KnownIds(e))])
    return version


async def leave_out_erased(
    context: ImportContext, list_name: str, prepared: PreparedPage
) -> PreparedPage:
    """Returns the page without the records of erased people."""
    if not (prepared.changed or prepared.failures):
        return prepared
    version = await refresh_erased(context, at_once=False)
    is_erased = erased_in(context, list_name)
    gone = set() if context.ports.erased.is_empty else erased_records(is_erased, prepared)
    for mapped, _ in prepared.changed:
        if mapped.external_id not in gone:
            continue
        owner = mapped.candidate and {"external_id": mapped.candidate["external_id"]}
        if not is_erased(KnownIds(mapped.external_id, owner, mapped.applications)):
            # Refused by the ids as well from now on, and what other lists have brought is removed.
            person = person_of(context.integration_id, list_name, mapped)
            await context.ports.erased.erase_again(person, addresses_of(mapped.candidate))
    if gone:
        left_out = context.run.details.get(LEFT_OUT, 0) + len(gone)
        context.run.details[LEFT_OUT] = left_out
    return replace(without_records(prepared, gone), erased_version=version)


def erased_records(is_erased: Callable[[ListRecord], bool], prepared: PreparedPage) -> set[str]:
    """Returns the external ids of a page's records that are of erased people."""
    gone = {mapped.external_id for mapped, _ in prepared.changed if is_erased(mapped)}
    return gone | {e for e in prepared.failures if is_erased(KnownIds(e))}


def without_records(prepared: PreparedPage, gone: Container[str]) -> PreparedPage:
    return replace(
        prepared,
        changed=[pair for pair in prepared.changed if pair[0].external_id not in gone],
        failures={e: reason for e, reason in prepared.failures.items() if e not in gone},
        returned=[e for e in prepared.returned if e not in gone],
        recovered=[e for e in prepared.recovered if e not in gone],
        unread={e: fields for e, fields in prepared.unread.items() if e not in gone},
    )


async def remove_erased(
    context: ImportContext,
    list_name: str,
    records: Iterable[ListRecord],
    *,
    checked_at: int | None = None,
) -> None:
    """Removes people who were erased while these records of theirs were written.

    `checked_at` is the version by which they were checked before; None if they were not.
    """
    if await refresh_erased(context) == checked_at or context.ports.erased.is_empty:
        return
    is_erased = erased_in(context, list_name)
    for record in filter(is_erased, records):
        person = person_of(context.integration_id, list_name, record)
        await context.ports.erased.erase_again(person, addresses_of(record.candidate))


def person_of(integration: UUID, list_name: str, record: ListRecord) -> PersonIds:
    """Returns the ids that one record has."""
    owners = {str(a["candidate_external_id"]) for a in record.applications}
    if record.candidate is not None:
        owners.add(str(record.candidate["external_id"]))
    return PersonIds(
        integration=integration,
        candidates=frozenset(owners),
        applications=frozenset(str(a["external_id"]) for a in record.applications),
        records=frozenset({(list_name, record.external_id)}),
    )
