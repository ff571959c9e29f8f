"""What every definition has to read, whatever happens at the ATS meanwhile."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from connectors.clock import LoopClock
from connectors.connector import Connector
from connectors.errors import AtsError, AuthRefused, BrokenAnswer, Misdirected, NotSupported
from connectors.registry import load_definition
from connectors.simulator import Fault, Simulator
from connectors.simulator.world import File
from connectors.values import FileRef, Window
from models.status import ApplicationStatus
from tests.conformance.conftest import OPERATORS, Account
from tests.support.ats import Imported, connect, without_urls

WAIVABLE = ("tags", "custom_fields", "attachments")


def assert_equal_to_truth(simulator: Simulator, connector: Connector, found: Imported) -> None:
    truth = simulator.truth()
    waived = {name for name in WAIVABLE if name in connector.capabilities.waivers}
    for expected, got in (
        (truth.candidates, found.candidates),
        (truth.applications, found.applications),
    ):
        assert got.keys() == expected.keys()
        for key, record in expected.items():
            seen = without_urls(got[key])
            different = {
                name: (value, seen[name])
                for name, value in record.items()
                if name not in waived and seen[name] != value
            }
            assert different == {}, key


async def test_a_complete_listing_equals_the_truth(account: Account) -> None:
    simulator, connector = await account()
    found = Imported()

    await found.walk(connector)

    assert_equal_to_truth(simulator, connector, found)
    assert found.failed == []
    assert simulator.violations == []


async def test_custom_fields_and_files_that_lists_lack_equal_the_truth(account: Account) -> None:
    """Answers of an application, some with a question mark, and a second file of a person."""
    simulator, connector = await account(candidates=40)
    world = simulator.world
    for number, application in list(world.applications.items())[::3]:
        answers: dict[str, object] = {"Shifts?": "yes", "Notice": f"{number} weeks"}
        simulator.actions.edit_application(application, answers)
    for person in list(world.people.values())[::2]:
        world.last_file += 1
        person.files.append(File(world.last_file, f"letter-{world.last_file}.pdf", "other"))
        simulator.actions.edit_person(person, {"tags": ["night", "cook"]})
    found = Imported()

    await found.walk(connector)

    if any(facts.detail is not None for facts in connector.lists):
        assert_equal_to_truth(simulator, connector, found)
    assert found.failed == []
    assert simulator.violations == []


async def test_files_that_details_show_are_found_again_and_fetched(account: Account) -> None:
    simulator, connector = await account(candidates=20)
    for person in simulator.world.people.values():
        simulator.actions.add_files(person, ["letter.pdf"], kind="other")
    connector = connect(simulator, attachments={"hosts": [simulator.file_origin]})
    await connector.open()
    found = Imported()
    await found.walk(connector)

    fetched = 0
    for facts in connector.lists:
        if facts.detail is None:
            continue
        for external_id, record in list(found.owners[facts.name].items())[:6]:
            assert record.candidate is not None
            owner = record.candidate["external_id"]
            addresses = await connector.file_addresses(facts.name, external_id)
            assert addresses is not None
            known = {each["external_id"] for each in found.candidates[owner]["attachments"]}
            assert addresses.keys() <= known
            for key, address in addresses.items() if connector.capabilities.fetches_files else ():
                ref = FileRef(facts.name, external_id, owner, key)
                with suppress(NotSupported):  # an id alone is shown of some files
                    file = await connector.fetch_file(ref, address, max_bytes=1000)
                    fetched += file.content.startswith(b"%PDF")
        assert fetched or not connector.capabilities.fetches_files
    await connector.close()
    assert simulator.violations == []


async def test_the_credential_is_checked(account: Account) -> None:
    simulator, connector = await account()
    wrong = connect(simulator, credentials=dict.fromkeys(simulator.credentials, "wrong"))

    await connector.check()
    with pytest.raises(AuthRefused):
        await wrong.check()
    await wrong.close()


def _open(simulator: Simulator) -> Any:
    return next(a for a in simulator.world.applications.values() if a.state == "active")


def _edit(simulator: Simulator) -> None:
    person = next(iter(simulator.world.people.values()))
    simulator.actions.edit_person(person, {"first_name": "Renamed"})


def _apply(simulator: Simulator) -> None:
    simulator.actions.new_applicant()


def _move(simulator: Simulator) -> None:
    application = _open(simulator)
    stages = simulator.world.stages_of(application.job)
    other = next(s for s in stages if s.number > application.stage)
    simulator.actions.move(application, other)


def _reject(simulator: Simulator) -> None:
    reason = next(r for r in simulator.world.reasons.values() if r.name == "Not a fit")
    simulator.actions.reject(_open(simulator), reason)


def _withdraw(simulator: Simulator) -> None:
    simulator.actions.withdraw(_open(simulator))


def _make_worker(simulator: Simulator) -> None:
    simulator.actions.hire(_open(simulator))


def _anonymise(simulator: Simulator) -> None:
    simulator.actions.anonymise(next(iter(simulator.world.people.values())))


MUTATIONS = [_edit, _apply, _move, _reject, _withdraw, _make_worker, _anonymise]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.__name__.strip("_"))
async def test_a_poll_after_a_change_equals_the_truth(
    account: Account, mutation: Callable[[Simulator], None]
) -> None:
    simulator, connector = await account(candidates=60)
    found = Imported()
    await found.walk(connector)

    mutation(simulator)
    await found.walk(connector)

    assert_equal_to_truth(simulator, connector, found)


async def test_an_idle_poll_stores_no_cursor(account: Account) -> None:
    _, connector = await account(candidates=60)
    found = Imported()
    await found.walk(connector)
    for facts in connector.lists:
        cursor = found.cursors.get(facts.name)
        if cursor is None or "token" in cursor:
            continue
        pages = [page async for page in connector.pages(facts.name, Window(cursor=cursor))]

        assert pages[-1].next_cursor is None


async def test_a_change_between_two_pages_is_there_after_the_next_poll(account: Account) -> None:
    simulator, connector = await account()
    found = Imported()
    done: list[str] = []

    def while_walking(name: str, page: int) -> None:
        if not done:
            done.append(name)
            for mutation in (_edit, _apply, _move):
                mutation(simulator)

    simulator.on_page = while_walking
    await found.walk(connector)
    simulator.on_page = None
    await found.walk(connector)

    assert done
    assert_equal_to_truth(simulator, connector, found)


async def test_equal_and_missing_times_lose_no_record(account: Account) -> None:
    simulator, connector = await account(without_updated_at=0.3)
    records = list(simulator.world.people.values())[:40]
    simulator.actions.set_updated_at(records, simulator.clock.now_ms())
    found = Imported()

    await found.walk(connector)
    await found.walk(connector)

    assert_equal_to_truth(simulator, connector, found)


async def test_deleted_and_merged_people_are_gone_after_a_complete_listing(
    account: Account,
) -> None:
    simulator, connector = await account(candidates=60)
    found = Imported()
    await found.walk(connector)

    first, second, third = list(simulator.world.people.values())[:3]
    simulator.actions.delete_person(first)
    simulator.actions.merge(second, third)
    await found.walk(connector, full=True)

    assert_equal_to_truth(simulator, connector, found)


async def test_anonymised_people_are_known_to_be(account: Account) -> None:
    simulator, connector = await account(candidates=12)
    if load_definition(simulator.NAME).model.anonymised is None:
        pytest.skip("no record says that it was anonymised")
    found = Imported()
    person = next(iter(simulator.world.people.values()))
    simulator.actions.anonymise(person)

    await found.walk(connector)

    records = [record for each in found.owners.values() for record in each.values()]
    known = {r.candidate["external_id"] for r in records if r.candidate and r.is_anonymised}
    assert known & found.candidates.keys() == known
    assert {found.candidates[key]["emails"] == [] for key in known} == {True}
    assert simulator.person_key(person) in known or len(known) == len(person.applications)
    assert_equal_to_truth(simulator, connector, found)


async def test_a_record_that_comes_twice_is_one_record(account: Account) -> None:
    simulator, connector = await account()
    simulator.faults.add(Fault("duplicate_row", operation="list", count=3))
    found = Imported()

    await found.walk(connector)

    assert_equal_to_truth(simulator, connector, found)


async def test_stages_that_no_rule_knows_are_counted_and_kept(account: Account) -> None:
    simulator, connector = await account(unknown_stages=2)
    found = Imported()

    await found.walk(connector)
    unknown = {stage["name"] for stage in found.unmapped}
    coarse = {
        application["stage"]["name"]
        for application in found.applications.values()
        if application["status"] is ApplicationStatus.REVIEWING
    }

    assert_equal_to_truth(simulator, connector, found)
    assert unknown <= coarse
    assert coarse


@pytest.mark.parametrize(
    "fault",
    [
        Fault("rate_limited", operation="list", retry_after=1),
        Fault("rate_limited", operation="list", retry_after="date"),
        Fault("rate_limited", operation="list"),
        Fault("error", operation="list", status=500),
        Fault("reset", operation="list"),
        Fault("reset_mid_body", operation="list"),
        Fault("truncated", operation="list"),
        Fault("html", operation="list"),
        Fault("wrong_type", operation="list"),
        Fault("expire_token", operation="list", skip=2),
    ],
    ids=lambda fault: f"{fault.kind} {fault.retry_after or ''}".strip(),
)
async def test_a_passing_fault_costs_no_record(account: Account, fault: Fault) -> None:
    simulator, connector = await account(candidates=60)
    simulator.faults.add(
        Fault(fault.kind, fault.operation, status=fault.status, retry_after=fault.retry_after)
    )
    found = Imported()

    await _persistently(found, connector)

    assert_equal_to_truth(simulator, connector, found)


async def _persistently(found: Imported, connector: Connector) -> None:
    """Where a vendor's page positions end with its tokens, a walk has to begin again."""
    for _ in range(3):
        try:
            await found.walk(connector)
        except AtsError:
            continue
        else:
            return
    await found.walk(connector)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("endless_next", BrokenAnswer), ("foreign_next", Misdirected)],
    ids=["endless", "foreign"],
)
async def test_a_next_page_that_leads_astray_is_not_followed(
    account: Account, kind: Any, error: type[Exception]
) -> None:
    simulator, connector = await account(candidates=1100)
    simulator.faults.add(Fault(kind, operation="list", count=None, to="http://127.0.0.9:1"))
    follows = connector.lists[0]

    if kind == "foreign_next" and not _follows_addresses(connector):
        pytest.skip("positions are no addresses")
    if _counts_pages(connector):
        pytest.skip("pages have numbers")
    with pytest.raises(error):
        async for _ in connector.pages(follows.name, Window()):
            pass


def _pagination(connector: Connector) -> str:
    from connectors.registry import load_definition

    names = {load_definition(name).model.title: name for name in _names()}
    model = load_definition(names[connector.ats_name]).model
    return model.lists[connector.lists[0].name].pagination.kind


def _names() -> list[str]:
    from connectors.definition import find_definitions

    return list(find_definitions())


def _follows_addresses(connector: Connector) -> bool:
    return _pagination(connector) in {"link_header", "next_url"}


def _counts_pages(connector: Connector) -> bool:
    return _pagination(connector) == "page"


async def test_records_are_read_by_id_and_an_unknown_id_is_none(account: Account) -> None:
    _, connector = await account(candidates=60)
    facts = connector.lists[0]
    page = await anext(aiter(connector.pages(facts.name, Window())))
    wanted = [record.external_id for record in page.records[:3]]

    found = await connector.fetch(facts.name, wanted)
    mapped = await connector.map_records(facts.name, [r for r in found.values() if r is not None])

    assert list(found) == wanted
    assert [record.external_id for record in mapped] == wanted


async def test_a_storm_of_refusals_ends_with_every_record_and_no_rule_broken(
    account: Account,
) -> None:
    """The vendor's own limits, in windows fifty times as short, and many refusals besides."""
    simulator, _ = await account(candidates=40, unlimited=False, time_scale=0.02)
    storm = Fault("rate_limited", operation="list", probability=0.4, count=30, retry_after=0.05)
    simulator.faults.add(storm)
    connector = connect(simulator, clock=LoopClock(), **OPERATORS.get(simulator.NAME, {}))
    await connector.open()
    found = Imported()
    try:
        await found.walk(connector)
    finally:
        await connector.close()

    assert_equal_to_truth(simulator, connector, found)
    assert simulator.violations == []
