"""What a start reports, and what it finds open that is over."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.ats_sync import workbench
from tests.support.mongo import TestMongo
from tests.support.pages import ROOT
from tests.support.sample_rows import an_alert

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]

LEFT_OPEN: dict[str, dict[str, Any]] = {
    "config_refused": {"integration": None, "ats_integration_id": None},
    "auth_refused:gone": {"integration": "gone"},
    "dead_letters:off": {"integration": "off"},
    "rate_limited:lever": {"integration": "lever"},
    "dead_letters:lever": {"integration": "lever"},
    "schema_drift:lever:opportunities": {"integration": "lever"},
}


def with_a_sunset(folder: Path, *, days: int) -> Path:
    """The definition of an ATS whose API is switched off soon."""
    text = (ROOT / "connectors/catalog/lever.yaml").read_text(encoding="utf-8")
    sunset = (datetime.now(UTC) + timedelta(days=days)).date()
    text = text.replace("connector: lever", "connector: lever-old", 1)
    text = text.replace("  version: v1\n", f"  version: v1\n  sunset: {sunset}\n", 1)
    folder.mkdir()
    (folder / "lever-old.yaml").write_text(text, encoding="utf-8")
    return folder


async def test_a_start_closes_what_is_over_and_reports_an_api_near_its_sunset(
    mongo: TestMongo, tmp_path: Path
) -> None:
    definitions = with_a_sunset(tmp_path / "mine", days=20)
    async with workbench(mongo, tmp_path, ["lever"], candidates=5) as bench:
        bench.extra["lever"] = {"connector": "lever-old"}
        lever = bench._integration("lever", bench.simulators["lever"])
        bench.write_config(
            integrations={"lever": lever, "off": {**lever, "enabled": False}},
            connector_paths=[str(definitions)],
        )
        await bench.own["alerts"].insert_many(
            [
                an_alert("lever", key=key, kind=key.partition(":")[0], **changes)
                for key, changes in LEFT_OPEN.items()
            ]
        )
        code, said = await bench.run_once()
        alerts = await bench.documents("alerts")

    still_open = {row["key"]: row for row in alerts if row["resolved_at"] is None}
    assert code == 0, said
    assert set(still_open) == {"schema_drift:lever:opportunities", "version_sunset:lever"}
    sunset = still_open["version_sunset:lever"]
    assert (sunset["severity"], sunset["title"]) == (
        "error",
        "lever: API v1 is switched off in 20 days",
    )
