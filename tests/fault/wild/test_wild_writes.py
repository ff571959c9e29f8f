"""Odd answers to writes, and what becomes of the status change."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.mongo import TestMongo
from tests.support.wild import wild_bench
from tests.support.wild_writes import DEFINITION, Account, Accounts, Pushed, Says

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.fault]

PAGE = "<!doctype html><title>Sign in</title>"
HTML = "text/html"


def moved(account: Account) -> None:
    """A colleague at the ATS is faster."""
    account.move("a1", "s-offer")


def gone(account: Account) -> None:
    """A colleague deletes the application."""
    del account.rows["a1"]


WORDS = '{"errors": [{"message": "Ada cannot enter this stage: ask ada@example.test"}]}'

DONE = Pushed("delivered", effects=1, stage="s-interview")


def waits(says: str) -> Pushed:
    return Pushed("retrying", says=says, writes=None)


def refused(says: str) -> Pushed:
    return Pushed("dead", "refused", says=says)


# What the ATS answers to the move, whether it moves, and what the operator sees in `outbox list`.
ANSWERS: dict[str, tuple[Says, Pushed]] = {
    # The answer shows success.
    "empty-204": (Says(204, takes_effect=True), DONE),
    "empty-200": (Says(200, takes_effect=True), DONE),
    "accepted-202": (Says(202, takes_effect=True), DONE),
    "json-201": (Says(201, '{"id": 7}', takes_effect=True), DONE),
    # It does not, but the application is there when it is read: one write, and no second one.
    "page-done": (Says(200, PAGE, HTML, takes_effect=True), DONE),
    "text-done": (Says(200, "OK", "text/plain", takes_effect=True), DONE),
    "cut-json-done": (Says(200, '{"id": ', takes_effect=True), DONE),
    "redirect-done": (Says(303, headers={"Location": "/done"}, takes_effect=True), DONE),
    # It does not, and nothing was done: sent again later.
    "page": (Says(200, PAGE, HTML), waits("answered 200 with a web page instead of JSON")),
    "xml": (Says(200, "<wait/>", "text/xml"), waits("answered 200 with text/xml instead of JSON")),
    "json-error": (Says(200, '{"error": "later"}'), waits("JSON that does not report success")),
    "json-false": (Says(200, '{"success": false}'), waits("JSON that does not report success")),
    "json-errors": (
        Says(200, '{"errors": [{"message": "not now"}]}'),
        waits("JSON that does not report success"),
    ),
    "json-status": (Says(200, '{"status": 403}'), waits("JSON that does not report success")),
    "json-fault": (Says(201, '[{"fault": "x"}]'), waits("answered 201 with JSON that does not")),
    "json-null": (Says(200, "null"), waits("JSON that does not report success")),
    "redirect": (Says(302, headers={"Location": "/login"}), waits("answered 302, a redirect")),
    "odd-207": (Says(207, '{"results": []}'), waits("answered 207")),
    # One status, two meanings: the application itself shows which.
    "422-refused": (
        Says(422, WORDS),
        refused("the application has not moved there: … cannot enter this stage: ask …"),
    ),
    "422-moved": (Says(422, WORDS, first=moved), Pushed("skipped", "conflict", stage="s-offer")),
    "400-refused": (Says(400, WORDS), refused("(answered 400): … cannot enter this stage: ask …")),
    "404-there": (
        Says(404, '{"error": "Not found"}'),
        refused("answered 404 although it still has the application"),
    ),
    "404-gone": (Says(404, first=gone), Pushed("dead", "gone_at_ats", stage="")),
}


async def test_a_write_counts_only_if_the_ats_shows_it(mongo: TestMongo, tmp_path: Path) -> None:
    accounts = Accounts({name: Account([says] * 9) for name, (says, _) in ANSWERS.items()})
    async with wild_bench(mongo, tmp_path, accounts, definition=DEFINITION) as wild:
        accounts.configure(wild)
        await wild.run_once()
        await accounts.recruit(wild, "interview")
        _, printed = await wild.run_once()

        await accounts.assert_seen(wild, {name: seen for name, (_, seen) in ANSWERS.items()})
        assert "ada@example.test" not in printed
        await wild.assert_neighbour_is_whole()

        await accounts.recover(wild)
        await wild.run_once()

        waited = {name for name, (_, seen) in ANSWERS.items() if seen.state == "retrying"}
        rows = await accounts.seen(wild)
        assert {rows[name]["state"] for name in waited} == {"delivered"}
        assert [accounts.accounts[name].effects for name in waited] == [["a1"]] * len(waited)


def restaged(account: Account) -> None:
    """The job's stages are replaced, with other ids."""
    account.stages = [{**stage, "id": f"{stage['id']}-2"} for stage in account.stages]


def with_interview(**fields: Any) -> Account:
    """An account whose stage for interviews is like this."""
    account = Account([])
    account.stages[1].update(fields)
    return account


LACKS = 'Its stages are "New", "Offer". Choose one and add `integrations.'

# The account, and what becomes of a change to `interview`.
STAGES: dict[str, tuple[Account, Pushed]] = {
    "new-stages": (
        Account([Says(422, WORDS, first=restaged)]),
        Pushed("delivered", writes=2, effects=1, stage="s-interview-2"),
    ),
    "inactive": (
        with_interview(active=False),
        Pushed("skipped", "impossible", says=LACKS, writes=0),
    ),
    "archived": (
        with_interview(archived_at="2026-10-01"),
        Pushed("skipped", "impossible", says=LACKS, writes=0),
    ),
    "retired": (
        with_interview(status="Inactive"),
        Pushed("skipped", "impossible", says=LACKS, writes=0),
    ),
    "other-name": (
        with_interview(name="Chat"),
        Pushed("skipped", "impossible", says='"New", "Chat", "Offer"', writes=0),
    ),
}


def rejected(*says: Says) -> Account:
    """An account that has to take its rejection back before it can move the application."""
    account = Account(list(says))
    account.rows["a1"]["rejected"] = True
    return account


YES = Says(204, takes_effect=True)

# Two writes: the rejection is taken back, then the application is moved.
STEPS: dict[str, tuple[Account, Pushed]] = {
    "both": (rejected(), Pushed("delivered", writes=2, effects=2, stage="s-interview")),
    "first-unclear": (
        rejected(Says(200, PAGE, HTML, takes_effect=True)),
        Pushed("delivered", writes=2, effects=2, stage="s-interview"),
    ),
    "second-unclear": (
        rejected(YES, Says(200, PAGE, HTML, takes_effect=True)),
        Pushed("delivered", writes=2, effects=2, stage="s-interview"),
    ),
    "second-refused": (
        rejected(YES, *[Says(422, WORDS)] * 5),
        Pushed("dead", "refused", says="cannot enter this stage", writes=3, effects=1),
    ),
    "first-refused": (
        rejected(*[Says(409, WORDS)] * 5),
        Pushed("dead", "refused", says="unreject: the ATS refuses this request (answered 409)"),
    ),
}


async def test_a_push_takes_stages_in_use_and_goes_on_after_its_own_first_step(
    mongo: TestMongo, tmp_path: Path
) -> None:
    table = STAGES | STEPS
    accounts = Accounts({name: account for name, (account, _) in table.items()})
    async with wild_bench(mongo, tmp_path, accounts, definition=DEFINITION) as wild:
        accounts.configure(wild)
        await wild.run_once()
        await accounts.recruit(wild, "interview")
        await wild.run_once()

        await accounts.assert_seen(wild, {name: seen for name, (_, seen) in table.items()})


async def test_a_write_that_was_confirmed_and_not_made_is_found_by_the_next_poll(
    mongo: TestMongo, tmp_path: Path
) -> None:
    accounts = Accounts(
        {
            "once": Account([Says(204)]),
            "twice": Account([Says(204)] * 2),
            "once-as-json": Account([Says(200, '{"id": "a1"}')]),
            "never": Account([]),
        }
    )
    async with wild_bench(mongo, tmp_path, accounts, definition=DEFINITION) as wild:
        accounts.configure(wild)
        await wild.run_once()
        await accounts.recruit(wild, "interview")
        for _ in range(3):
            await wild.run_once()

        once = Pushed("delivered", writes=2, effects=1, stage="s-interview")
        await accounts.assert_seen(
            wild,
            {
                "once": once,
                "twice": Pushed("dead", "not_made", says="and still has new", writes=2),
                "once-as-json": once,
                "never": DONE,
            },
        )
        held = await wild.bench.documents("applications", "twice")
        assert [row["status"] for row in held] == ["interview"]
        [alert] = await wild.bench.own["alerts"].find({"integration": "twice"}).to_list()
        assert alert["kind"] == "dead_letters"

        before = [len(account.writes) for account in accounts.accounts.values()]
        await wild.run_once()

        assert [len(account.writes) for account in accounts.accounts.values()] == before


def with_two(says: list[Says], **always: Says) -> Account:
    account = Account(says, always)
    account.add("a2")
    return account


NO_FIELD = Says(404, '{"error": "No such attribute"}')

# How an account answers analytics values, and what the export's log says of the first period.
VALUES: dict[str, tuple[Account, str, str]] = {
    "well": (with_two([]), "Success", ""),
    "one-refused": (
        with_two([], a1=Says(422, '{"error": "It is locked"}')),
        "Success",
        'field "scor", the last one: analytics: the ATS refuses this request (answered 422): It is',
    ),
    "one-broken": (
        with_two([], a1=Says(500)),
        "Success",
        '1 refused by the ATS for the field "scor", the last one: analytics: the ATS is not well',
    ),
    "misspelt": (
        with_two([], a1=NO_FIELD, a2=NO_FIELD),
        "Failed",
        'no application took a value for the field "scor"; check `integrations.misspelt.analytics',
    ),
    "page": (with_two([Says(200, PAGE, HTML)]), "Success", ""),
    "lost": (with_two([Says(204)]), "Success", ""),
}


async def test_a_value_is_sent_until_the_ats_shows_it(mongo: TestMongo, tmp_path: Path) -> None:
    accounts = Accounts({name: account for name, (account, _, _) in VALUES.items()})
    async with wild_bench(mongo, tmp_path, accounts, definition=DEFINITION) as wild:
        accounts.configure(wild, analytics={"every": "10s", "field": "scor"})
        code, _ = await wild.run_once()

        for name, (_, status, says) in VALUES.items():
            of = {"ats_integration_id": wild.bench.id_of(name)}
            row = await wild.bench.own["analytics_export_log"].find_one(of)
            assert row is not None
            assert (row["status"], says in (row["error_message"] or "")) == (status, True), row
        assert code == 1
        [alert] = await wild.bench.own["alerts"].find({"kind": "export_missed"}).to_list()
        assert (alert["integration"], '"scor"' in alert["message"]) == ("misspelt", True)

        lost = accounts.accounts["lost"]
        for _ in range(5):
            if set(lost.effects) == {"a1", "a2"}:
                break
            await wild.run_once()

        assert sorted(lost.effects) == ["a1", "a2"]
        assert accounts.accounts["well"].effects == ["a1", "a2"]
