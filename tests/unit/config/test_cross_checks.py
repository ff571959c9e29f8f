"""Names in the operator's file are held against what the connector declares."""

from pathlib import Path

from config.checked_document import Document
from config.cross_checks import DeclaredNames, check_connector_names
from config.problems import ConfigIssues
from config.yaml_tree import parse_yaml

DECLARED = {
    "lever": DeclaredNames(credentials=["api_key"], needs_acting_user=True),
    "greenhouse": DeclaredNames(
        credentials=["client_id", "client_secret"],
        options=["region"],
        required_options=["token_url"],
    ),
    "open": DeclaredNames(credentials=[]),
}


def found(integration: str) -> list[str]:
    problems = ConfigIssues()
    text = f"version: 1\nintegrations:\n  acme:\n{integration}"
    document = Document(Path("f.yaml"), parse_yaml(text.encode(), "f.yaml", problems), problems)
    check_connector_names(document, DECLARED.get, DECLARED)
    return [str(p).removeprefix("f.yaml:") for p in problems.errors]


def test_names_as_declared_are_fine() -> None:
    text = "    connector: lever\n    credentials: {api_key: x}\n    acting_user: me\n"

    assert found(text) == []


def test_an_unknown_connector_is_answered_with_the_near_one() -> None:
    assert found("    connector: levr\n") == [
        '4:16  integrations.acme.connector: no connector has this name (did you mean "lever"?)'
    ]


def test_an_unknown_connector_with_none_near_lists_all() -> None:
    assert found("    connector: xyzzy\n") == [
        "4:16  integrations.acme.connector: no connector has this name; known are: greenhouse, lever, open"
    ]


def test_undeclared_and_missing_names_are_all_reported() -> None:
    text = (
        "    connector: greenhouse\n"
        "    credentials: {client_id: x, client_secrt: y}\n"
        "    options: {colour: red}\n"
    )

    assert found(text) == [
        '5:33  integrations.acme.credentials.client_secrt: connector greenhouse has no such key (did you mean "client_secret"?)',
        "6:15  integrations.acme.options.colour: connector greenhouse has no such key; it knows region, token_url",
        "5:5  integrations.acme.credentials.client_secret: is required by connector greenhouse",
        "6:5  integrations.acme.options.token_url: is required by connector greenhouse",
    ]


def test_a_missing_acting_user_is_reported_at_the_integration() -> None:
    text = "    connector: lever\n    credentials: {api_key: x}\n"

    assert found(text) == ["3:3  integrations.acme.acting_user: is required by connector lever"]


def test_a_connector_without_credentials_takes_none() -> None:
    text = "    connector: open\n    credentials: {api_key: x}\n"

    assert found(text) == [
        "5:19  integrations.acme.credentials.api_key: connector open has no such key; it knows none"
    ]


def test_wrong_kinds_of_values_are_left_to_other_checks() -> None:
    assert found("    connector: [a]\n    credentials: x\n") == []
