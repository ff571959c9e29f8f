"""What an import tells people about, and what they should do."""

from uuid import UUID

from daemon.core.safety import Brake
from daemon.ports.alerts import AlertKind, Condition


def dead_records(integration: str, integration_id: UUID, count: int) -> Condition:
    return Condition(
        kind=AlertKind.DEAD_LETTERS,
        severity="error",
        title=f"{count} records of {integration} cannot be imported",
        message=(
            "They failed on every try. See `failed_records` for the reason of each; they are "
            "tried again when they change at the ATS."
        ),
        integration=integration,
        integration_id=integration_id,
        subject="records",
        details={"records": count},
    )


def deletion_brake(
    integration: str, integration_id: UUID, list_name: str, brake: Brake
) -> Condition:
    return Condition(
        kind=AlertKind.DELETION_BRAKE,
        severity="critical",
        title=f"{integration}: deletions stopped",
        message=(
            f"List {list_name}: {brake.reason}. Nothing was deleted. If it is true, run "
            f"`ats-sync poll {integration} --sweep --accept-deletions`; if not, check the "
            "credential's permissions at the ATS."
        ),
        integration=integration,
        integration_id=integration_id,
        subject=list_name,
        details={"missing": brake.missing, "known": brake.known},
    )


def zero_candidates(
    integration: str, integration_id: UUID, list_name: str, known: int
) -> Condition:
    return Condition(
        kind=AlertKind.ZERO_CANDIDATES,
        severity="error",
        title=f"{integration}: expected candidates, got none",
        message=(
            f"A complete listing of {list_name} was empty although {known} records are known. "
            "Check the credential's permissions and the endpoint."
        ),
        integration=integration,
        integration_id=integration_id,
        subject=list_name,
        details={"known": known},
    )


def schema_drift(
    integration: str, integration_id: UUID, list_name: str, fields: list[str], records: int
) -> Condition:
    return Condition(
        kind=AlertKind.SCHEMA_DRIFT,
        severity="warning",
        title=f"{integration}: fields of {list_name} are empty",
        message=(
            f"{', '.join(fields)} used to have values and had none in {records} records. The ATS "
            "may have renamed them: compare the definition with an answer of the ATS."
        ),
        integration=integration,
        integration_id=integration_id,
        subject=list_name,
        details={"fields": fields, "records": records},
    )


def unmapped_stages(integration: str, integration_id: UUID, count: int) -> Condition:
    return Condition(
        kind=AlertKind.UNMAPPED_STAGES,
        severity="warning",
        title=f"{integration}: {count} applications stand in stages that no rule maps",
        message=(
            "They were imported as `reviewing` with their stage kept. `ats-sync doctor` lists the "
            f"stages; add them under integrations.{integration}.statuses."
        ),
        integration=integration,
        integration_id=integration_id,
        details={"applications": count},
    )
