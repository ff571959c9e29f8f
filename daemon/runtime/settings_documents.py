"""The integrations of the operator's file, as `ats_integration_settings` has them."""

from collections.abc import Mapping
from typing import Any

from daemon.core.integrations import ConfiguredIntegration
from daemon.runtime.checked_config import CheckedConfig

MAIN_CREDENTIALS = ("api_key", "token", "client_secret")
"""The credential that `api_key` shows, by the vendors' names for it."""


def configured_integrations(checked: CheckedConfig) -> list[ConfiguredIntegration]:
    """Every integration of the file, its credentials as references."""
    names = checked.loaded.value.integrations.keys() - checked.stored
    return [configured(checked, name) for name in sorted(names)]


def configured(checked: CheckedConfig, name: str) -> ConfiguredIntegration:
    """One integration, its credentials as references."""
    wanted = checked.loaded.value.integrations[name]
    model = checked.definition_of(name).model
    names = list(wanted.credentials)
    references: dict[str, Mapping[str, Any]] = {}
    for credential in names:
        # A secret written into the file is referred to by its line there.
        origin = checked.loaded.document.origin(("integrations", name, "credentials", credential))
        parts = [f"{reference.kind}:{reference.name}" for reference in origin.references]
        references[credential] = {"ref": ", ".join(parts) or f"yaml:{origin.position}"}
    return ConfiguredIntegration(
        name=name,
        ats_name=model.title,
        connector=wanted.connector,
        endpoint=wanted.endpoint or model.api.base_url,
        main_credential=next(
            (n for n in MAIN_CREDENTIALS if n in names), names[0] if names else None
        ),
        credentials=references,
        enabled=wanted.enabled,
    )
