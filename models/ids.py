"""Identities that never change: the same thing at the ATS has the same UUID after any replay."""

from uuid import UUID, uuid5

NAMESPACE = UUID("6b2ef0a6-3f0e-4a43-9d0b-6a9a1f0c52d7")
"""Root of every derived identity; changing it would orphan every stored document."""


def uuid_or_none(text: str) -> UUID | None:
    """Returns the UUID that a text writes out; None for any other text."""
    try:
        return UUID(text)
    except ValueError:
        return None


def integration_id(name: str) -> UUID:
    """The identity of an integration, from the name its operator gave it."""
    return uuid5(NAMESPACE, f"integration:{name}")


def candidate_name(external_id: str) -> str:
    """Returns the name from which a candidate's id derives, within its integration."""
    return f"candidate:{external_id}"


def candidate_id(integration: UUID, external_id: str) -> UUID:
    """The identity of a candidate, from the id that the ATS gave it."""
    return uuid5(integration, candidate_name(external_id))


def application_name(external_id: str) -> str:
    """Returns the name from which an application's id derives, within its integration."""
    return f"application:{external_id}"


def application_id(integration: UUID, external_id: str) -> UUID:
    """The identity of an application, from the id that the ATS gave it."""
    return uuid5(integration, application_name(external_id))


def snapshot_name(list_name: str, external_id: str) -> str:
    """Returns the name from which a snapshot's id derives, within its integration."""
    return f"snapshot:{list_name}:{external_id}"


def derived_name(*parts: str) -> str:
    """Parts joined unambiguously."""
    return "\x1f".join(parts)


def derived_id(scope: UUID, *parts: str) -> UUID:
    """An identity below another one."""
    return uuid5(scope, derived_name(*parts))
