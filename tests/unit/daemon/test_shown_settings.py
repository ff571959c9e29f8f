"""The settings of an integration of the database, as answers and the audit log show them."""

from daemon.runtime.integration_admin import shown_settings


def test_settings_are_shown_with_the_names_of_credentials_and_no_secret() -> None:
    content = {
        "connector": "lever",
        "credentials": {"api_key": "CANARY"},
        "privacy": {"hash": ["emails"], "key": "CANARY"},
    }

    assert shown_settings(content) == {
        "connector": "lever",
        "credentials": ["api_key"],
        "privacy": {"hash": ["emails"]},
    }
