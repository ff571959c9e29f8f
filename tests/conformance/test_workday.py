"""What Workday demands beyond what all do: one report, from which columns without a value are missing."""

from models.status import ApplicationStatus as Status
from tests.support.ats import Imported
from tests.support.foreign import connected
from tests.support.foreign_workday import Workday


async def test_a_walk_is_one_run_of_the_report() -> None:
    ats, imported = Workday(), Imported()
    async with connected("workday", ats) as (connector, tiny):
        await imported.walk(connector)

    assert len(tiny.asked) == 1
    assert {each["job"]["name"] for each in imported.applications.values()} == {"Analyst"}


async def test_the_reason_decides_between_a_withdrawal_and_a_rejection() -> None:
    ats, imported = Workday(), Imported()
    ats.change()
    async with connected("workday", ats) as (connector, _):
        await imported.walk(connector)

    found = {key: each["status"] for key, each in imported.applications.items()}
    assert (found["app004"], found["app005"]) == (Status.REJECTED, Status.WITHDRAWN)
    assert imported.applications["app004"]["rejection_reason"] == "Not Enough Experience"


async def test_a_further_column_is_read_by_the_operators_fields() -> None:
    ats, imported = Workday(), Imported()
    ats.rows["app001"]["Cost_Center"] = "4711"
    fields = {"custom_fields.cost_center": "Cost_Center"}
    async with connected("workday", ats, fields=fields) as (connector, _):
        await imported.walk(connector)

    assert imported.candidates["can001"]["custom_fields"] == {"cost_center": "4711"}
