"""The names by which the HTTP port may be asked for."""

import pytest

from config.problems import ConfigError
from config.settings import load_settings


def test_names_are_split_and_in_small_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATS_SYNC_HTTP_HOSTS", " Sync.Example. , 10.0.0.7,::1,")

    assert load_settings().http_hosts == ("sync.example", "10.0.0.7", "::1")


@pytest.mark.parametrize("text", ["a..b", ".", "a" * 64])
def test_a_host_to_listen_on_that_no_host_can_be_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("ATS_SYNC_HTTP_HOST", text)

    with pytest.raises(ConfigError, match=r"ATS_SYNC_HTTP_HOST: must be an address or a host name"):
        load_settings()


@pytest.mark.parametrize("text", [",", "sync.example:8080", "https://sync.example", "*", "a b"])
def test_what_is_no_name_is_a_mistake(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ATS_SYNC_HTTP_HOSTS", text)

    with pytest.raises(ConfigError, match="ATS_SYNC_HTTP_HOSTS"):
        load_settings()
