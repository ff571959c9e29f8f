"""Secrets that cannot be sent are refused with line and column; what editors add is left out."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.encryption_key import EncryptionKey, encryption_keys
from config.header_text import unusable_in_header
from config.problems import ConfigError
from config.settings import load_settings, settings_warnings
from connectors.definition import load_definition_text
from daemon.runtime.checked_config import load_checked_config
from tests.support.tiny_ats import definition_text

pytestmark = pytest.mark.fuzz("YAML")

NEW_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
IN_A_HEADER = '{kind: header, name: X-Key, value: "{credentials.key}"}'
IN_A_QUERY = '{kind: query, name: key, value: "{credentials.key}"}'
AS_A_USER = '{kind: basic, username: "{credentials.key}"}'
AS_A_BEARER = '{kind: bearer, token: "{credentials.key}"}'
IN_A_BODY = '{kind: login, request: {post: /in, body: {k: "{credentials.key}"}}, token: t}'


def check(
    folder: Path, credential: str, *, auth: str = IN_A_HEADER, more: str = "", **environment: str
) -> tuple[list[str], list[str]]:
    """Problems and warnings of a file whose integration has this credential."""
    (folder / "connectors").mkdir(exist_ok=True)
    (folder / "connectors" / "tiny.yaml").write_text(definition_text(auth=auth))
    file = folder / "f.yaml"
    file.write_text(
        "version: 1\nconnector_paths: [./connectors]\nintegrations:\n  acme:\n"
        f"    connector: tiny\n    credentials:\n      key: {credential}\n{more}"
    )
    try:
        loaded = load_checked_config(file, environment=environment).loaded
    except ConfigError as error:
        return [short(problem, file) for problem in error.problems], []
    return [], [short(warning, file) for warning in loaded.warnings]


def short(problem: Any, file: Path) -> str:
    return str(problem).removeprefix(f"{file}:")


PLACE = "7:12  integrations.acme.credentials.key: "
LEFT_OUT = "ends in a line break, which is left out; store it without one (printf, not echo)"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "\n\n", "\r\n\r\n"])
@pytest.mark.parametrize("auth", [IN_A_HEADER, IN_A_QUERY, AS_A_USER, AS_A_BEARER, IN_A_BODY])
def test_a_line_break_at_the_end_of_a_variable_is_left_out_with_a_warning(
    tmp_path: Path, ending: str, auth: str
) -> None:
    found = check(tmp_path, '"${env:KEY}"', auth=auth, KEY=f"abc{ending}")

    assert found == ([], [PLACE + LEFT_OUT])


def test_what_is_left_out_is_not_sent(tmp_path: Path) -> None:
    check(tmp_path, '"${env:KEY}"', KEY="\ufeffabc\r\n")

    checked = load_checked_config(tmp_path / "f.yaml", environment={"KEY": "\ufeffabc\r\n"})
    secret = checked.loaded.value.integrations["acme"].credentials["key"]

    assert secret.get_secret_value() == "abc"


def test_a_block_of_text_ends_in_a_line_break_which_is_left_out(tmp_path: Path) -> None:
    problems, warnings = check(tmp_path, "|\n        ${env:KEY}", KEY="abc")

    assert problems == []
    assert PLACE + LEFT_OUT in warnings


@pytest.mark.parametrize(
    ("content", "warned"),
    [
        (b"abc", []),
        (b"abc\n", []),
        (b"abc\r\n", []),
        (b"\xef\xbb\xbfabc\n", []),
        (b"abc\n\n", [PLACE + LEFT_OUT]),
        (
            b"\xef\xbb\xbf\xef\xbb\xbfabc",
            [PLACE + "begins with a byte order mark, which is left out"],
        ),
    ],
)
def test_a_key_file_may_end_in_a_line_break_and_begin_with_a_mark(
    tmp_path: Path, content: bytes, warned: list[str]
) -> None:
    (tmp_path / "key").write_bytes(content)

    assert check(tmp_path, '"${file:key}"') == ([], warned)


@pytest.mark.parametrize("content", ["abc".encode("utf-16"), b"\xff\xfea\x00", b"caf\xe9"])
def test_a_key_file_in_another_encoding_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)

    [problem], _ = check(tmp_path, '"${file:key}"')

    assert "integrations.acme.credentials.key: file key is not UTF-8 text" in problem


UNUSABLE = {
    "a line break inside": ("ab\ncd", "has a character that cannot be sent in an HTTP header (number 3)"),
    "a carriage return inside": ("ab\rcd", "(number 3)"),
    "a tabulator": ("ab\tcd", "(number 3)"),
    "a nought": ("ab\x01cd", "(number 3)"),
    "a deletion": ("ab\x7fcd", "(number 3)"),
    "a control character of Latin-1": ("ab\x85cd", "(number 3)"),
    "no-break space": ("ab\xa0cd", "(number 3)"),
    "a zero-width space": ("abc\u200bd", "(number 4)"),
    "a dash of a word processor": ("abc\u2013d", "(number 4)"),
    "another script": ("\u043a\u043b\u044e\u0447", "(number 1)"),
    "an emoji": ("abc\U0001f511", "(number 4)"),
    "a blank in front": (" abc", "begins or ends with a blank or line break"),
    "a blank at the end": ("abc ", "begins or ends with a blank or line break"),
    "a line break in front": ("\nabc", "begins or ends with a blank or line break"),
    "blanks only": ("   ", "begins or ends with a blank or line break"),
}  # fmt: skip


@pytest.mark.parametrize("auth", [IN_A_HEADER, IN_A_QUERY, AS_A_USER, AS_A_BEARER])
@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_sent_in_a_header_is_refused_at_its_position(
    tmp_path: Path, name: str, auth: str
) -> None:
    value, says = UNUSABLE[name]

    [problem], _ = check(tmp_path, '"${env:KEY}"', auth=auth, KEY=value)

    assert problem.startswith(PLACE)
    assert says in problem
    assert value.strip() not in problem or not value.strip()


def test_a_password_in_a_body_may_have_any_character(tmp_path: Path) -> None:
    assert check(tmp_path, '"${env:KEY}"', auth=IN_A_BODY, KEY="pä\u043a\U0001f511 x") == ([], [])


@pytest.mark.parametrize("auth", [IN_A_HEADER, IN_A_BODY])
@pytest.mark.parametrize(
    ("written", "key"), [('""', ""), ('"${env:KEY:-}"', ""), ('"${env:KEY}"', "\n")]
)
def test_an_empty_credential_is_refused(tmp_path: Path, auth: str, written: str, key: str) -> None:
    problems, _ = check(tmp_path, written, auth=auth, KEY=key)

    assert problems == [PLACE + "is empty; give it a value, or leave the key out"]


def test_a_colon_in_a_user_name_is_refused(tmp_path: Path) -> None:
    [problem], _ = check(tmp_path, '"${env:KEY}"', auth=AS_A_USER, KEY="key:rest")

    assert problem.startswith(PLACE + "has a colon, which ends the user name")


def test_tokens_of_clearviews_services_are_checked_as_well(tmp_path: Path) -> None:
    more = (
        "clearview:\n"
        '  candidates: {mode: http, url: "https://c.example", token: "${env:ONE}"}\n'
        "  notifications:\n"
        '    - {kind: http, url: "https://n.example", token: "${env:TWO}"}\n'
        '    - {kind: apprise, url: "${env:THREE}"}\n'
    )
    environment = {"KEY": "abc", "ONE": "a\nb", "TWO": "a\u200bb", "THREE": "slack://x\n"}

    problems, _ = check(tmp_path, '"${env:KEY}"', more=more, **environment)
    environment |= {"ONE": "ab", "TWO": "ab"}
    _, warnings = check(tmp_path, '"${env:KEY}"', more=more, **environment)

    assert [problem.split(": ")[0] for problem in problems] == [
        "9:61  clearview.candidates.token",
        "11:53  clearview.notifications[0].token",
    ]
    assert warnings == [f"12:28  clearview.notifications[1].url: {LEFT_OUT}"]


def test_options_and_the_acting_user_are_checked_where_they_go_into_headers(
    tmp_path: Path,
) -> None:
    (tmp_path / "connectors").mkdir()
    more = (
        "acting_user: {needed: optional, description: who}\n"
        "options: {region: {description: where, required: false}, note: {description: free}}\n"
    )
    text = definition_text(
        more=more,
        request='{get: /p, query: {n: "{options.note}"}, headers: {X-R: "{options.region}", X-U: "{acting_user}"}}',
    )
    (tmp_path / "connectors" / "tiny.yaml").write_text(text)
    file = tmp_path / "f.yaml"
    file.write_text(
        "version: 1\nconnector_paths: [./connectors]\nintegrations:\n  acme:\n"
        '    connector: tiny\n    credentials: {key: "${env:KEY}"}\n'
        '    options: {region: "a\\u200b", note: "a\\u200b"}\n    acting_user: "a\\u0001b"\n'
    )

    with pytest.raises(ConfigError) as raised:
        load_checked_config(file, environment={"KEY": "abc"})

    assert [problem.path for problem in raised.value.problems] == [
        "integrations.acme.options.region",
        "integrations.acme.acting_user",
    ]


@pytest.mark.parametrize(
    ("auth", "place"),
    [
        ('{kind: header, name: "X Key", value: "{credentials.key}"}', "auth.name"),
        ('{kind: header, name: "X-Key:", value: "{credentials.key}"}', "auth.name"),
        ('{kind: header, name: X-Key, value: "{credentials.key}\\n"}', "auth.value"),
        ('{kind: header, name: X-Key, value: "ключ {credentials.key}"}', "auth.value"),
    ],
)
def test_a_definitions_own_headers_are_checked(auth: str, place: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_definition_text(definition_text(auth=auth), path=Path("tiny.yaml"))

    assert [problem.path for problem in raised.value.problems] == [place]


@given(st.text(max_size=20))
def test_what_passes_can_be_sent_and_comes_back_as_it_was(text: str) -> None:
    if unusable_in_header(text) is None:
        assert text.encode("latin-1").decode("latin-1").strip() == text != ""
        assert text.isprintable()


# The environment


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n"])
def test_a_line_break_after_a_setting_is_left_out_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setenv("ATS_SYNC_ADMIN_TOKEN", f"abc{ending}")
    monkeypatch.setenv("ATS_SYNC_ENCRYPTION_KEY", f"{NEW_KEY}{ending}")
    settings = load_settings()

    assert settings.admin_token is not None
    assert settings.admin_token.get_secret_value() == "abc"
    assert [str(warning) for warning in settings_warnings()] == [
        f"environment  ATS_SYNC_ADMIN_TOKEN: {LEFT_OUT}",
        f"environment  ATS_SYNC_ENCRYPTION_KEY: {LEFT_OUT}",
    ]


@pytest.mark.parametrize("value", ["a\nb", "\u200b", " abc", "abc ", "\n", "ключ", "a\x7f"])
def test_an_admin_token_that_no_one_can_send_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ATS_SYNC_ADMIN_TOKEN", value)

    with pytest.raises(ConfigError, match="environment  ATS_SYNC_ADMIN_TOKEN: "):
        load_settings()


def test_a_passphrase_instead_of_a_key_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATS_SYNC_ENCRYPTION_KEY", f"{NEW_KEY},correct horse battery staple")

    [warning] = map(str, settings_warnings())

    assert "is a passphrase and no random key of 32 bytes" in warning
    assert "horse" not in warning


@pytest.mark.parametrize(
    "text", [NEW_KEY, NEW_KEY.replace("+", "-"), "0f" * 32, "a passphrase of some length"]
)
def test_every_form_of_a_key_gives_32_bytes_and_always_the_same(text: str) -> None:
    [key], [again] = encryption_keys(f" {text}\n"), encryption_keys(text)

    assert key.material() == again.material()
    assert len(key.material()) == 32
    assert text not in repr(key)


def test_a_short_passphrase_is_known_as_one() -> None:
    assert EncryptionKey("secret").is_too_short
    assert not EncryptionKey(NEW_KEY).is_too_short
    assert not EncryptionKey("long enough to be one").is_too_short
