"""What iCIMS demands beyond what all do: searches by id, records without one, statuses that no list shows."""

from connectors.values import ApplicationRef, Impossible, PushTarget
from models.status import ApplicationStatus as Status
from tests.support.ats import Imported
from tests.support.foreign import connected
from tests.support.foreign_icims import Icims


async def test_each_search_goes_on_after_the_last_id() -> None:
    ats, imported = Icims(), Imported()
    async with connected("icims", ats) as (connector, _):
        await imported.walk(connector)

    after = [body["filters"][0]["value"] for body in ats.searched]
    assert after == [["0"], ["25"], ["50"], ["60"], ["0"], ["125"], ["150"], ["160"]]


async def test_a_poll_reads_only_what_changed_and_what_the_overlap_repeats() -> None:
    ats, imported = Icims(), Imported()
    async with connected("icims", ats) as (connector, tiny):
        await imported.walk(connector)
        ats.change()
        before = len(tiny.asked)
        await imported.walk(connector)
        read = [each for each in tiny.asked[before:] if each.startswith("GET")]

    ids = {each.partition("?")[0].rpartition("/")[2] for each in read}
    assert ids == {"5", "900", "103", "1000"}


async def test_a_status_that_the_operator_does_not_name_is_no_target() -> None:
    ats = Icims(operator={})
    ref = ApplicationRef("101", "1", "1000")
    async with connected("icims", ats) as (connector, _):
        current = await connector.read_application(ref)
        assert current is not None
        plan = await connector.plan_push(ref, current, PushTarget(Status.INTERVIEW))

    assert isinstance(plan, Impossible)
    assert "statuses.interview" in plan.reason
