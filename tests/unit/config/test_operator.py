"""The operator's file: what it means, what it warns of, and what the sample shows."""

import json
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.durations import format_duration
from config.loader import load_operator_config, secrets_in
from config.loading import Loaded, load_yaml_model
from config.operator import OperatorConfig
from config.operator_clearview import ByHttp, NotifyByApprise, NotifyByHttp
from config.problems import ConfigError
from config.reference import REFERENCE_FILE, operator_reference
from config.schema import SCHEMA_FILE, operator_schema
from config.settings import load_settings
from connectors.simulator import create_simulator
from daemon.runtime.checked_config import connector_folders_of
from models.status import ApplicationStatus

pytestmark = pytest.mark.fuzz("YAML")

SAMPLE = Path("config/ats-sync.yaml")

EVERYTHING = """\
version: 1
clearview:
  mongodb: {uri: "${env:URI}", database: hiring}
  candidates: {mode: http, url: "https://candidates.example/", token: "${file:token}"}
  notifications:
    - {kind: http, url: "https://notify.example", token: "${env:TOKEN}"}
    - {kind: apprise, url: "${env:SLACK}"}
integrations:
  acme-greenhouse:
    connector: greenhouse
    endpoint: https://harvest.greenhouse.io/v3
    credentials: {client_id: "${env:ID}", client_secret: "${file:token}"}
    acting_user: "4012"
    options: {token_url: https://auth.greenhouse.io/token}
    enabled: false
    poll: {every: 5m, jitter: 12.5%, overlap: 0s, sweep_every: 7d}
    statuses: {interview: ["Onsite", "Team interview"], offer: [17]}
    rejection_reasons: {default: "Not a fit"}
    push: {enabled: false, conflicts: newest_wins, coalesce: every}
    deletions: {policy: ignore, max_percent: 2.5}
    analytics: {every: 12h, field: "clearview_score"}
    fields: {custom_fields.salary: "custom_fields.desired_salary"}
connector_paths: [./mine]
"""
ENVIRONMENT = {
    "URI": "mongodb://u:p@db.example/",
    "TOKEN": "t0ken",
    "SLACK": "slack://a/b/c",
    "ID": "an id",
}


def load(folder: Path, text: str) -> Loaded[OperatorConfig]:
    (folder / "token").write_text("from a file\n")
    (folder / "mine").mkdir(exist_ok=True)
    (folder / "f.yaml").write_text(text)
    return load_operator_config(folder / "f.yaml", environment=ENVIRONMENT)


def warnings(loaded: Loaded[OperatorConfig]) -> list[str]:
    return [str(p).removeprefix(f"{loaded.document.file}:") for p in loaded.warnings]


def test_every_key_arrives_with_its_type(tmp_path: Path) -> None:
    config = load(tmp_path, EVERYTHING).value
    acme = config.integrations["acme-greenhouse"]

    assert config.clearview.mongodb.uri is not None
    assert config.clearview.mongodb.uri.get_secret_value() == ENVIRONMENT["URI"]
    assert isinstance(config.clearview.candidates, ByHttp)
    assert config.clearview.candidates.url == "https://candidates.example"
    assert config.clearview.candidates.token.get_secret_value() == "from a file"
    assert [type(n) for n in config.clearview.notifications] == [NotifyByHttp, NotifyByApprise]
    assert acme.credentials["client_secret"].get_secret_value() == "from a file"
    assert acme.poll.every == timedelta(minutes=5)
    assert acme.poll.jitter == 0.125
    assert acme.poll.overlap == timedelta(0)
    assert acme.statuses[ApplicationStatus.OFFER] == ["17"]
    assert acme.enabled is False
    assert acme.push.enabled is False
    assert acme.deletions.max_percent == 2.5
    assert acme.analytics is not None
    assert acme.fields == {"custom_fields.salary": "custom_fields.desired_salary"}


def test_a_complete_file_with_references_gives_no_warning(tmp_path: Path) -> None:
    assert warnings(load(tmp_path, EVERYTHING)) == []


def test_what_is_left_out_has_the_documented_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, "version: 1\nintegrations: {a: {connector: lever}}\n").value
    integration = config.integrations["a"]

    assert config.clearview.mongodb.database == "clearview"
    assert config.clearview.candidates.mode == "mongodb"
    assert integration.poll.every == timedelta(minutes=5)
    assert integration.poll.jitter == 0.1
    assert integration.poll.overlap == timedelta(minutes=2)
    assert integration.poll.sweep_every == timedelta(hours=24)
    assert integration.push.conflicts == "ats_wins"
    assert integration.push.coalesce == "latest"
    assert integration.deletions.policy == "mark"
    assert integration.deletions.max_percent == 10
    assert integration.analytics is None


def test_connector_paths_count_from_the_file(tmp_path: Path) -> None:
    load(tmp_path, EVERYTHING)

    assert connector_folders_of(tmp_path / "f.yaml") == [tmp_path / "mine"]


def test_a_secret_in_the_file_works_and_is_warned_of_without_quoting_it(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        "version: 1\n"
        "clearview:\n"
        "  mongodb: {uri: 'mongodb://u:CANARY@db.example/'}\n"
        "integrations:\n"
        "  a:\n"
        "    connector: lever\n"
        "    credentials: {api_key: CANARY}\n",
    )
    refused = "the secret is written in this file; use ${env:NAME} or ${file:PATH} instead"

    assert warnings(loaded) == [
        f"3:18  clearview.mongodb.uri: {refused}",
        f"7:28  integrations.a.credentials.api_key: {refused}",
    ]
    assert "CANARY" not in repr(loaded.value)
    assert "CANARY" not in repr(loaded)


def test_a_database_address_without_a_password_is_no_secret(tmp_path: Path) -> None:
    text = (
        "version: 1\nclearview: {mongodb: {uri: 'mongodb://db/'}}\n"
        "integrations: {a: {connector: b}}\n"
    )

    assert warnings(load(tmp_path, text)) == []


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://api.example/v1", True),
        ("https://api.example/v1", False),
        ("http://127.0.0.1:9101/v1", False),
        ("http://localhost/v1", False),
        ("http://[::1]:80", False),
        ("http://10.0.0.7", True),
    ],
)
def test_credentials_over_plain_http_are_warned_of(tmp_path: Path, url: str, warned: bool) -> None:
    loaded = load(
        tmp_path, f"version: 1\nintegrations: {{a: {{connector: lever, endpoint: '{url}'}}}}\n"
    )

    assert [p.path for p in loaded.warnings] == (["integrations.a.endpoint"] if warned else [])


@pytest.mark.parametrize("host", ["api..lever.co", "a" * 64 + ".co", ".lever.co", "xn--a.co"])
def test_an_endpoint_that_no_host_can_be_is_a_mistake(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError, match=r"a\.endpoint: must be an address such as https://host"):
        load(
            tmp_path,
            f"version: 1\nintegrations: {{a: {{connector: lever, endpoint: 'https://{host}'}}}}\n",
        )


def test_a_file_without_integrations_is_warned_of(tmp_path: Path) -> None:
    assert warnings(load(tmp_path, "version: 1\n")) == [
        "1:1  integrations: there are no integrations; nothing will be done"
    ]


def test_every_secret_of_a_file_is_known_as_one(tmp_path: Path) -> None:
    paths = {path for path, _ in secrets_in(load(tmp_path, EVERYTHING).value)}

    assert paths == {
        ("clearview", "mongodb", "uri"),
        ("clearview", "candidates", "token"),
        ("clearview", "notifications", 0, "token"),
        ("clearview", "notifications", 1, "url"),
        ("integrations", "acme-greenhouse", "credentials", "client_id"),
        ("integrations", "acme-greenhouse", "credentials", "client_secret"),
    }


def test_the_sample_is_valid_and_without_warnings() -> None:
    loaded = load_operator_config(SAMPLE, environment={})

    assert list(loaded.value.integrations) == ["demo-greenhouse", "demo-lever", "demo-ashby"]
    assert loaded.warnings == ()


def test_the_sample_takes_its_addresses_from_the_environment() -> None:
    environment = {"ATS_SYNC_DEMO_LEVER_URL": "http://127.0.0.1:4242/v1"}

    loaded = load_operator_config(SAMPLE, environment=environment)

    assert loaded.value.integrations["demo-lever"].endpoint == "http://127.0.0.1:4242/v1"


@pytest.mark.parametrize("vendor", ["greenhouse", "lever", "ashby"])
def test_the_sample_fits_the_simulated_ats_as_it_starts_by_default(vendor: str) -> None:
    simulator = create_simulator(vendor, candidates=1)
    integration = load_operator_config(SAMPLE, environment={}).value.integrations[f"demo-{vendor}"]
    credentials = {name: s.get_secret_value() for name, s in integration.credentials.items()}

    assert credentials == simulator.credentials
    assert integration.options.keys() == simulator.options.keys()
    assert integration.acting_user in {None, simulator.acting_user}


def test_the_samples_variables_are_no_misspelt_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATS_SYNC_DEMO_LEVER_URL", "http://127.0.0.1:4242/v1")

    assert load_settings().http_port == 8080


def test_the_published_schema_is_fresh() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == operator_schema(), (
        "run: python -m config.schema"
    )


def test_the_reference_is_fresh() -> None:
    assert REFERENCE_FILE.read_text(encoding="utf-8") == operator_reference(), (
        "run: python -m config.reference"
    )


@pytest.mark.parametrize("text", [SAMPLE.read_text(encoding="utf-8"), EVERYTHING])
def test_the_schema_accepts_what_the_loader_accepts(text: str) -> None:
    schema = json.loads(operator_schema())
    jsonschema.Draft202012Validator.check_schema(schema)

    jsonschema.validate(yaml.safe_load(text), schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 1, "clearvew": {}},
        {"version": 2},
        {"integrations": {}},
        {"version": 1, "integrations": {"Acme": {"connector": "lever"}}},
        {"version": 1, "integrations": {"a": {"connector": "lever", "pol": {}}}},
        {"version": 1, "integrations": {"a": {"connector": "lever", "poll": {"every": "5"}}}},
        {"version": 1, "integrations": {"a": {"connector": "lever", "statuses": {"x": ["y"]}}}},
        {"version": 1, "clearview": {"candidates": {"mode": "http"}}},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(wrong: object) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(operator_schema()))

    assert not validator.is_valid(wrong)


def test_every_key_is_described_with_an_example() -> None:
    undocumented = [
        line
        for line in operator_reference().splitlines()
        if line.startswith("| `") and "| |" in line
    ]

    assert undocumented == []


NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
STAGES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9
)
DURATIONS = st.integers(min_value=10, max_value=86_400).map(lambda s: timedelta(seconds=s))


@st.composite
def integrations(draw: st.DrawFn) -> dict[str, object]:
    every = draw(DURATIONS)
    stages = draw(st.lists(STAGES, unique_by=str.casefold, min_size=2, max_size=6))
    return {
        "connector": draw(NAMES),
        "acting_user": draw(STAGES),
        "credentials": {"api_key": draw(STAGES)},
        "enabled": draw(st.booleans()),
        "poll": {
            "every": format_duration(every),
            "sweep_every": format_duration(every + timedelta(minutes=1)),
        },
        "statuses": {"interview": stages[:1], "offer": stages[1:]},
        "deletions": {"max_percent": draw(st.integers(min_value=0, max_value=100))},
    }


@given(st.dictionaries(NAMES, integrations(), max_size=3))
def test_a_valid_file_round_trips(blocks: dict[str, object]) -> None:
    text = yaml.safe_dump({"version": 1, "integrations": blocks}, allow_unicode=True)

    loaded = load_yaml_model(
        Path("f.yaml"), OperatorConfig, text=text, resolve_references=False
    ).value
    dumped = json.loads(loaded.model_dump_json(exclude_unset=True))
    again = load_yaml_model(
        Path("f.yaml"),
        OperatorConfig,
        text=yaml.safe_dump(dumped, allow_unicode=True),
        resolve_references=False,
    ).value

    assert without_secrets(again) == without_secrets(loaded)
    for name, block in loaded.integrations.items():
        written = blocks[name]
        assert isinstance(written, dict)
        assert block.acting_user == written["acting_user"]
        assert format_duration(block.poll.every) == written["poll"]["every"]
        assert block.credentials["api_key"].get_secret_value() == written["credentials"]["api_key"]


def without_secrets(config: OperatorConfig) -> object:
    return json.loads(config.model_dump_json())
