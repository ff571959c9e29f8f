"""What Jobvite demands beyond what all do: a disputed first number, and refusals that look like answers."""

import pytest

from connectors.errors import AuthRefused
from tests.support.ats import Imported
from tests.support.foreign import connected
from tests.support.foreign_jobvite import Jobvite


@pytest.mark.parametrize("first", [0, 1])
async def test_no_record_is_lost_whichever_number_is_the_first(first: int) -> None:
    ats, imported = Jobvite(first=first), Imported()
    for at in range(14):  # 75 records: a number of full pages
        ats.add(f"d{at:03}", f"b{at:03}")
    async with connected("jobvite", ats) as (connector, _):
        await imported.walk(connector)

    assert len(ats.truth()) == 75
    assert set(imported.applications) == set(ats.truth())


async def test_a_candidate_who_applied_twice_is_one_with_two_applications() -> None:
    ats, imported = Jobvite(), Imported()
    async with connected("jobvite", ats) as (connector, _):
        await imported.walk(connector)

    owners = {k: each["candidate_external_id"] for k, each in imported.applications.items()}
    assert [key for key, owner in owners.items() if owner == "c001"] == ["a001", "a901"]
    assert imported.candidates["c001"]["custom_fields"] == {"fte": "1.0"}


async def test_a_refusal_with_status_200_is_no_empty_list() -> None:
    ats = Jobvite(hides_refusals=True)
    async with connected("jobvite", ats, credentials={"secret": "wrong"}) as (connector, _):
        with pytest.raises(AuthRefused):
            await connector.check()
        with pytest.raises(AuthRefused):
            await Imported().walk(connector)


async def test_only_what_changed_is_requested_the_second_time() -> None:
    ats, imported = Jobvite(), Imported()
    async with connected("jobvite", ats) as (connector, _):
        await imported.walk(connector)
        ats.change()
        seen = await imported.walk(connector)

    assert set(imported.applications) == set(ats.truth())
    assert seen == 4 + 1 + 1, (
        "what changed, what the overlap repeats, and a page's last record again"
    )
