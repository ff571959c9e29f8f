"""A refresh token that the ATS replaces needs a folder to be kept in, or the integration is refused."""

from pathlib import Path

import pytest

from config.problems import ConfigError
from daemon.runtime.checked_config import load_checked_config
from tests.support.rotating_tokens import CREDENTIALS, rotating_auth
from tests.support.tiny_ats import definition_text

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
WITH_LOGIN = '{{kind: login, request: {{post: /in, query: {{t: "{{access_token}}"}}}}, token: t, oauth2: {}}}'


def file_of(folder: Path, *, auth: str | None = None, **more: str) -> Path:
    """A file with integrations by name, each with further lines; all have the same credential."""
    auth = auth or rotating_auth("https://vendor.example")
    (folder / "connectors").mkdir(exist_ok=True)
    text = definition_text(auth=auth, credentials=CREDENTIALS)
    (folder / "connectors" / "tiny.yaml").write_text(text)
    blocks = "".join(
        f"  {name}:\n    connector: tiny\n    credentials:\n      client_id: a\n"
        f'      client_secret: b\n      refresh: "${{env:REFRESH}}"\n{lines}'
        for name, lines in more.items()
    )
    file = folder / "f.yaml"
    file.write_text(f"version: 1\nconnector_paths: [./connectors]\nintegrations:\n{blocks}")
    return file


def problems_of(file: Path, **environment: str) -> list[str]:
    environment = {"REFRESH": "CANARY", **environment}
    try:
        load_checked_config(file, environment=environment)
    except ConfigError as error:
        found = [str(problem).removeprefix(f"{file}:") for problem in error.problems]
    else:
        found = []
    assert "CANARY" not in repr(found)
    return found


@pytest.mark.parametrize("login", [False, True])
def test_without_storage_the_refresh_token_is_refused_and_the_remedy_named(
    tmp_path: Path, login: bool
) -> None:
    oauth = rotating_auth("https://vendor.example")
    auth = WITH_LOGIN.format(oauth) if login else oauth

    [problem] = problems_of(file_of(tmp_path, auth=auth, acme=""))

    assert problem.startswith("9:16  integrations.acme.credentials.refresh: the ATS replaces this")
    assert "set ATS_SYNC_ENCRYPTION_KEY (make one with `openssl rand -base64 32`)" in problem
    assert "or name a file with token_file" in problem


@pytest.mark.parametrize("name", ["ATS_SYNC_ENCRYPTION_KEY", "ats_sync_encryption_key"])
def test_a_key_is_enough_for_storage(tmp_path: Path, name: str) -> None:
    assert problems_of(file_of(tmp_path, acme=""), **{name: KEY}) == []


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_key_is_none(tmp_path: Path, empty: str) -> None:
    assert len(problems_of(file_of(tmp_path, acme=""), ATS_SYNC_ENCRYPTION_KEY=empty)) == 1


def test_a_key_that_protects_nothing_is_refused(tmp_path: Path) -> None:
    [problem] = problems_of(file_of(tmp_path, acme=""), ATS_SYNC_ENCRYPTION_KEY="secret")

    assert problem.startswith("environment  ATS_SYNC_ENCRYPTION_KEY: is too short")


def test_a_token_file_needs_no_key(tmp_path: Path) -> None:
    assert problems_of(file_of(tmp_path, acme="    token_file: acme.json\n")) == []


def test_a_disabled_integration_needs_no_storage(tmp_path: Path) -> None:
    assert problems_of(file_of(tmp_path, acme="    enabled: false\n")) == []


def test_client_credentials_need_no_storage(tmp_path: Path) -> None:
    auth = (
        rotating_auth("https://vendor.example")
        .replace("grant: refresh_token", "grant: client_credentials")
        .replace(', refresh_token: "{credentials.refresh}"', ', form: {r: "{credentials.refresh}"}')
    )
    file = file_of(tmp_path, auth=auth, acme="    token_file: acme.json\n")
    checked = load_checked_config(file, environment={"REFRESH": "x"})

    warnings = [str(warning) for warning in checked.loaded.warnings]

    assert any("token_file: tiny has no refresh token: this has no effect" in w for w in warnings)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("absent/acme.json", "its folder does not exist; it is relative to this file"),
        ("connectors", "is a directory; name a file in it"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, path: str, says: str) -> None:
    [problem] = problems_of(file_of(tmp_path, acme=f"    token_file: {path}\n"))

    assert problem == f"10:17  integrations.acme.token_file: {says}"


def test_a_folder_that_may_not_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_args, **_kwargs: False)

    [problem] = problems_of(file_of(tmp_path, acme="    token_file: acme.json\n"))

    assert "may not be written by this user: a new refresh token could not be kept" in problem


def test_one_refresh_token_is_stored_once(tmp_path: Path) -> None:
    file = file_of(tmp_path, acme="    token_file: acme.json\n", zeta="")

    [problem] = problems_of(file, ATS_SYNC_ENCRYPTION_KEY=KEY)

    assert "integrations.zeta" in problem
    assert "has the refresh token of acme, which is kept elsewhere" in problem
