"""What SuccessFactors demands beyond what all do: signed assertions, status sets, rows that say no."""

from typing import Any

import pytest

from connectors.connector import Connector
from connectors.errors import GuardRefused
from connectors.values import ApplicationRef, FileRef, Impossible, PushPlan, PushTarget, Steps
from models.candidate import ApplicationRecord
from models.status import ApplicationStatus as Status
from tests.support.ats import Imported
from tests.support.foreign import connected
from tests.support.foreign_successfactors import SuccessFactors

REF = ApplicationRef("101", "1", "9")


async def read(connector: Connector) -> ApplicationRecord:
    found = await connector.read_application(REF)
    assert found is not None
    return found


async def planned(connector: Connector, status: Status) -> PushPlan:
    return await connector.plan_push(REF, await read(connector), PushTarget(status))


async def test_drafts_are_not_imported_and_jobs_have_names() -> None:
    ats, imported = SuccessFactors(), Imported()
    async with connected("successfactors", ats) as (connector, _):
        await imported.walk(connector)

    assert "999" not in imported.applications
    assert {each["job"]["name"] for each in imported.applications.values()} == {"Analyst"}


async def test_only_what_changed_is_requested_the_second_time() -> None:
    ats, imported = SuccessFactors(), Imported()
    async with connected("successfactors", ats) as (connector, _):
        await imported.walk(connector)
        ats.change()
        seen = await imported.walk(connector)

    assert seen == 5 + 2, "what changed, and what the overlap repeats"


async def test_a_token_that_ended_is_replaced_during_the_work() -> None:
    ats, imported = SuccessFactors(), Imported()
    async with connected("successfactors", ats) as (connector, tiny):
        await imported.walk(connector)
        ats.end_sessions()
        await imported.walk(connector)

    assert len([each for each in tiny.asked if "/oauth/token" in each]) == 2


@pytest.mark.parametrize("option", ["pushed_statuses", "pushed_requisitions"])
async def test_nothing_is_pushed_to_a_status_set_that_no_one_has_named(option: str) -> None:
    ats = SuccessFactors()
    del ats.options[option]
    async with connected("successfactors", ats) as (connector, _):
        plan = await planned(connector, Status.INTERVIEW)

    assert isinstance(plan, Impossible)


async def test_the_vendors_own_statuses_are_no_targets() -> None:
    ats = SuccessFactors()
    async with connected("successfactors", ats) as (connector, _):
        plan = await planned(connector, Status.WITHDRAWN)

    assert isinstance(plan, Impossible)


async def test_a_row_that_says_no_is_a_refusal_with_its_words() -> None:
    ats = SuccessFactors()
    named: dict[str, Any] = {"statuses": {"interview": ["Interview"]}}
    async with connected("successfactors", ats, **named) as (connector, _):
        plan = await planned(connector, Status.INTERVIEW)
        assert isinstance(plan, Steps)
        del ats.applications["101"]
        with pytest.raises(GuardRefused) as refused:
            await connector.perform(plan.steps[0])

    assert "no such application" in refused.value.words


async def test_a_resume_comes_in_json_and_arrives_byte_by_byte() -> None:
    content = bytes(range(256)) * 40
    ats, imported = SuccessFactors(resumes={"3": ("77", "cv.pdf", content)}), Imported()
    async with connected("successfactors", ats) as (connector, _):
        await imported.walk(connector)
        ref = FileRef("candidates", "3", "3", "77")
        fetched = await connector.fetch_file(ref, None, max_bytes=len(content))

    held = {key: row["attachments"] for key, row in imported.candidates.items()}
    [file] = held.pop("3")
    assert (file["external_id"], file["name"], file["kind"]) == ("77", "cv.pdf", "resume")
    assert set(map(tuple, held.values())) == {()}
    assert fetched.content == content
    assert ats.violations == []
