"""Analytics values that the ATS accepted and does not show are forgotten, to be sent again."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from connectors.values import Mapped
from daemon.core.exported_field import own_value
from daemon.core.record_change import RecordChange
from daemon.importing.context import ImportContext
from models.ids import application_id

_UNCOMPARED = b""


async def compare_values(
    context: ImportContext,
    changed: Sequence[tuple[Mapped, bytes | None]],
    changes: Sequence[RecordChange],
    asked_at: datetime,
) -> list[RecordChange]:
    """Returns the changes; one whose value was sent after `asked_at` is compared again next time.

    Only records are compared that were marked when a value was sent, or a status pushed.
    """
    field = context.rules.own_field
    marked = [change.before is not None and not change.before.fingerprint for change in changes]
    if field is None or not any(marked) or not context.connector.capabilities.shows_values:
        return list(changes)
    shown: dict[UUID, str | None] = {}
    of_record: dict[str, set[UUID]] = {}
    for (mapped, _), is_marked in zip(changed, marked, strict=True):
        if is_marked:
            found = _shown(context.integration_id, mapped, field)
            shown |= found
            of_record[mapped.external_id] = set(found)
    later = await context.ports.values.compare(field, shown, asked_at=asked_at)
    return [
        replace(change, after=replace(change.after, fingerprint=_UNCOMPARED, digest=None))
        if later & of_record.get(change.external_id, set())
        else change
        for change in changes
    ]


def _shown(integration: UUID, mapped: Mapped, field: str) -> dict[UUID, str | None]:
    """Values by application: its own custom field, or a tag of its candidate."""
    tagged = None if mapped.candidate is None else own_value(mapped.candidate, field)
    return {
        application_id(integration, a["external_id"]): own_value(a, field) or tagged
        for a in mapped.applications
    }
