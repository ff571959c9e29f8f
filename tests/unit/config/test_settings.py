"""What the process reads from its environment, and how mistakes there are answered."""

from datetime import timedelta
from pathlib import Path

import pytest

from config.problems import ConfigError
from config.settings import Settings, load_settings, variable


def lines_of(error: ConfigError) -> list[str]:
    return [str(problem) for problem in error.problems]


def test_without_any_variable_the_defaults_hold() -> None:
    settings = load_settings()

    assert settings.mongodb_uri is None
    assert settings.database == "ats_sync"
    assert settings.config == Path("config/ats-sync.yaml")
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8080)
    assert settings.admin_token is None
    assert settings.encryption_key is None
    assert (settings.log_format, settings.log_level) == ("auto", "info")
    assert settings.data_dir == Path("data")
    assert settings.shutdown_grace == timedelta(seconds=8)


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text("key")
    values = {
        "ENCRYPTION_KEY_FILE": str(tmp_path / "key"),
        "MONGODB_URI": "mongodb://db/?replicaSet=x",
        "DATABASE": "mine",
        "CONFIG": "/etc/sync.yaml",
        "HTTP_HOST": "::",
        "HTTP_PORT": "9090",
        "HTTP_HOSTS": "a.example,b.example",
        "ADMIN_TOKEN": "tok",
        "ENCRYPTION_KEY": "key",
        "LOG_FORMAT": "JSON",
        "LOG_LEVEL": "Debug",
        "DATA_DIR": "/data",
        "SHUTDOWN_GRACE": "20s",
        "MONGOD": "/opt/mongod",
        "MONGOD_CACHE_GB": "1.5",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"ATS_SYNC_{name}", value)
    settings = load_settings()

    assert {variable(field) for field in Settings.model_fields} == {
        f"ATS_SYNC_{name}" for name in values
    }
    assert settings.mongodb_uri is not None
    assert settings.mongodb_uri.get_secret_value() == "mongodb://db/?replicaSet=x"
    assert settings.database == "mine"
    assert settings.config == Path("/etc/sync.yaml")
    assert (settings.http_host, settings.http_port) == ("::", 9090)
    assert settings.http_hosts == ("a.example", "b.example")
    assert settings.admin_token is not None
    assert settings.admin_token.get_secret_value() == "tok"
    assert settings.encryption_key is not None
    assert settings.encryption_key.get_secret_value() == "key"
    assert (settings.log_format, settings.log_level) == ("json", "debug")
    assert settings.data_dir == Path("/data")
    assert settings.shutdown_grace == timedelta(seconds=20)
    assert settings.mongod == Path("/opt/mongod")
    assert settings.mongod_cache_gb == 1.5


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATS_SYNC_MONGODB_URI", "")
    monkeypatch.setenv("ATS_SYNC_HTTP_PORT", "")

    assert load_settings().mongodb_uri is None
    assert load_settings().http_port == 8080


def test_a_command_line_option_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATS_SYNC_CONFIG", "/etc/sync.yaml")

    assert load_settings(config=Path("other.yaml")).config == Path("other.yaml")


def test_all_mistakes_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATS_SYNC_HTTP_PORT", "eighty")
    monkeypatch.setenv("ATS_SYNC_LOG_LEVEL", "warn")
    monkeypatch.setenv("ATS_SYNC_SHUTDOWN_GRACE", "8")
    monkeypatch.setenv("ATS_SYNC_MONGODB_URL", "mongodb://db")
    monkeypatch.setenv("ATS_SYNC_DATABASE", "a b")
    with pytest.raises(ConfigError) as wrong:
        load_settings()
    lines = lines_of(wrong.value)

    assert len(lines) == 5
    assert all(line.startswith("environment  ATS_SYNC_") for line in lines)
    assert any("ATS_SYNC_LOG_LEVEL: must be one of" in x and 'mean "warning"' in x for x in lines)
    assert any(
        'ATS_SYNC_MONGODB_URL: unknown setting (did you mean "ATS_SYNC_MONGODB_URI"?)' in x
        for x in lines
    )


@pytest.mark.parametrize("grace", ["0s", "11m", "-1s", "soon"])
def test_an_impossible_grace_period_is_refused(monkeypatch: pytest.MonkeyPatch, grace: str) -> None:
    monkeypatch.setenv("ATS_SYNC_SHUTDOWN_GRACE", grace)
    with pytest.raises(ConfigError, match="ATS_SYNC_SHUTDOWN_GRACE"):
        load_settings()


@pytest.mark.parametrize(
    "name", ["MONGODB_URI", "HTTP_PORT", "LOG_FORMAT", "SHUTDOWN_GRACE", "DATABASE"]
)
def test_no_mistake_quotes_a_value(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"ATS_SYNC_{name}", "sk_live canary")
    with pytest.raises(ConfigError) as wrong:
        load_settings()

    assert "canary" not in f"{wrong.value} {wrong.value!r} {wrong.value.__cause__}"
    assert wrong.value.__suppress_context__


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATS_SYNC_MONGODB_URI", "mongodb://user:canary@db")
    monkeypatch.setenv("ATS_SYNC_ADMIN_TOKEN", "canary")
    monkeypatch.setenv("ATS_SYNC_ENCRYPTION_KEY", "canary")
    settings = load_settings()

    assert "canary" not in f"{settings} {settings!r} {settings.model_dump_json()}"


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())
