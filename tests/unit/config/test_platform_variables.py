"""Kubernetes and Docker set variables below our prefix: they are no settings, and no mistakes either."""

from collections.abc import Mapping

import pytest

from config.problems import ConfigError
from config.settings import load_settings

Variables = Mapping[str, str]


def of_service(name: str, ip: str, port: int, protocol: str = "tcp", named: str = "") -> Variables:
    """What the kubelet sets for a Service, in every container of its namespace."""
    base = name.upper().replace("-", "_")
    host = f"[{ip}]" if ":" in ip else ip
    one = f"{base}_PORT_{port}_{protocol.upper()}"
    url = f"{protocol}://{host}:{port}"
    own = {
        f"{base}_SERVICE_HOST": ip,
        f"{base}_SERVICE_PORT": str(port),
        f"{base}_PORT": url,
        one: url,
        f"{one}_PROTO": protocol,
        f"{one}_PORT": str(port),
        f"{one}_ADDR": ip,
    }
    if named:
        own[f"{base}_SERVICE_PORT_{named.upper().replace('-', '_')}"] = str(port)
    return own


def of_link(alias: str, **environment: str) -> Variables:
    """What Docker sets in a container that is linked to another one, whose variables it passes on."""
    base = alias.upper().replace("-", "_")
    own = {
        f"{base}_NAME": f"/web/{alias}",
        f"{base}_PORT": "tcp://172.17.0.5:8080",
        f"{base}_PORT_8080_TCP": "tcp://172.17.0.5:8080",
        f"{base}_PORT_8080_TCP_START": "tcp://172.17.0.5:8080",
        f"{base}_PORT_8080_TCP_END": "tcp://172.17.0.5:8081",
        f"{base}_PORT_8080_TCP_ADDR": "172.17.0.5",
        f"{base}_PORT_8080_TCP_PORT_START": "8080",
        f"{base}_PORT_8080_TCP_PORT_END": "8081",
    }
    return own | {f"{base}_ENV_{name}": value for name, value in environment.items()}


PLATFORMS = {
    "a Service of our name": of_service("ats-sync", "10.96.7.1", 8080),
    "its port has a name": of_service("ats-sync", "10.96.7.1", 8080, named="http-status"),
    "its address is IPv6": of_service("ats-sync", "fd00:10:96::7", 8080),
    "a Service beside it": of_service("ats-sync-webhooks", "10.96.7.2", 443, named="https"),
    "a Service over UDP": of_service("ats-sync-dns", "10.96.7.3", 53, "udp"),
    "a Service over SCTP": of_service("ats-sync-sig", "10.96.7.4", 2905, "sctp"),
    "a Service named as a setting": of_service("ats-sync-database", "10.96.7.5", 27017),
    "a link of our name": of_link("ats-sync", ATS_SYNC_HTTP_PORT="8080", LANG="C"),
    "a link named otherwise": of_link("ats_sync_1", PYTHON_VERSION="3.11.9"),
}


@pytest.mark.parametrize("variables", PLATFORMS.values(), ids=PLATFORMS.keys())
def test_what_a_platform_sets_is_ignored(
    monkeypatch: pytest.MonkeyPatch, variables: Variables
) -> None:
    without = load_settings()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert load_settings() == without


@pytest.mark.parametrize("name", ["ats-sync-http", "ATS-SYNC-HTTP"])
def test_a_service_whose_port_is_called_as_our_setting_sets_nothing(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable, value in of_service(name, "10.96.7.9", 80, named="web").items():
        monkeypatch.setenv(variable, value)

    assert load_settings().http_port == 8080


MISTAKES = {
    "ATS_SYNC_PORT": ("8080", "ATS_SYNC_HTTP_PORT"),
    "ATS_SYNC_HOST": ("0.0.0.0", "ATS_SYNC_HTTP_HOST"),
    "ATS_SYNC_HTTP_PROT": ("tcp://10.96.7.1:8080", "ATS_SYNC_HTTP_PORT"),
    "ATS_SYNC_MONGODB_URL": ("mongodb://db", "ATS_SYNC_MONGODB_URI"),
    "ATS_SYNC_DATABASE_NAME": ("ats_sync", "ATS_SYNC_DATABASE"),
    "ATS_SYNC_CONFIG_NAME": ("/config/ats-sync.yaml", "ATS_SYNC_CONFIG"),
    "ATS_SYNC_LOGFORMAT": ("json", "ATS_SYNC_LOG_FORMAT"),
    "ATS_SYNC_ENVRYPTION_KEY": ("key", "ATS_SYNC_ENCRYPTION_KEY"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_misspelt_setting_beside_them_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    value, meant = MISTAKES[name]
    beside = {**of_service("ats-sync-web", "10.96.7.1", 8080), **of_link("ats-sync-ats")}
    for variable, injected in {**beside, name: value}.items():
        monkeypatch.setenv(variable, injected)
    with pytest.raises(ConfigError) as wrong:
        load_settings()

    [problem] = wrong.value.problems
    assert str(problem) == f'environment  {name}: unknown setting (did you mean "{meant}"?)'


def test_a_port_of_ours_that_is_no_number_is_still_a_mistake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ATS_SYNC_HTTP_PORT", "http://10.96.7.1:8080")
    with pytest.raises(ConfigError, match="ATS_SYNC_HTTP_PORT"):
        load_settings()
