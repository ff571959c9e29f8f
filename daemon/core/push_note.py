"""Values that go to the ATS beside a status: a note, and the fields of `hired`. Pure."""

from collections.abc import Mapping
from typing import Any

from config.values import fill_note
from daemon.core.push_decision import PushRules
from daemon.core.pushes import OpenPush
from models.status import ApplicationStatus

LONGEST = 250
"""Characters. The shortest limit that a vendor is known to have is 256."""


def note_text(
    template: str, *, status: ApplicationStatus, previous: ApplicationStatus, job: Mapping[str, Any]
) -> str:
    """Returns the text, cut where the name of the job makes it too long."""
    name = job.get("name") or job.get("external_id") or "this job"
    text = fill_note(
        template,
        {"status": status.value, "previous_status": previous.value, "job": str(name)},
    )
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def note_of(
    push: OpenPush, rules: PushRules, *, previous: ApplicationStatus, job: Mapping[str, Any] | None
) -> str | None:
    """Returns the push's note; none if a push before it, which was lost, has written it."""
    if rules.note is None or push.is_repetition:
        return None
    return note_text(rules.note, status=push.status, previous=previous, job=job or {})


def hired_content(content: Mapping[str, Any], push: OpenPush) -> Mapping[str, Any]:
    """Returns ClearView's application: one without a time was hired by this change."""
    return {**content, "hired_at": content.get("hired_at") or push.changed_at}
