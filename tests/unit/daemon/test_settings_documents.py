"""How the credentials of the operator's file are stored in `ats_integration_settings`."""

from pathlib import Path

import pytest

from daemon.runtime.checked_config import load_checked_config
from daemon.runtime.settings_documents import configured_integrations


def test_a_credential_is_stored_as_the_reference_that_is_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_ID", "CANARY-1")
    (tmp_path / "secret").write_text("CANARY-2")
    file = tmp_path / "my.yaml"
    file.write_text(
        "version: 1\n"
        "integrations:\n"
        "  acme:\n"
        "    connector: greenhouse\n"
        "    credentials:\n"
        '      client_id: "${env:ACME_ID}-${env:ACME_SUFFIX:-CANARY-3}"\n'
        '      client_secret: "${file:secret}"\n'
        "      webhook_secret: CANARY-4\n"
    )

    [acme] = configured_integrations(load_checked_config(file))

    assert acme.credentials == {
        "client_id": {"ref": "env:ACME_ID, env:ACME_SUFFIX"},
        "client_secret": {"ref": "file:secret"},
        "webhook_secret": {"ref": f"yaml:{file}:8"},
    }
    assert acme.main_credential == "client_secret"
    assert "CANARY" not in repr(acme)
