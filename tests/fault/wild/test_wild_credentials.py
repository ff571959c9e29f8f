"""Credentials, tokens and pauses as vendors and operators have them, and what the operator sees."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.ats_sync import Command
from tests.support.mongo import TestMongo
from tests.support.rotating_tokens import CREDENTIALS, RotatingVendor, rotating_auth
from tests.support.tiny_ats import Answer, definition_text
from tests.support.wild import HOSTILE, Sees, WildBench, wild_bench

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.fault]

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
ROWS = {"rows": [{"id": "1", "name": "Ada"}]}
BY_TOKEN = (
    '{kind: oauth2, grant: client_credentials, token_url: "{options.token_url}", '
    'client_id: "{credentials.key}", client_secret: "{credentials.key}"}'
)
WITH_OPTION = "options: {token_url: {description: where tokens are}}"


async def command(wild: WildBench, *arguments: str, **environment: str) -> tuple[int, str]:
    """The exit code and everything printed; neither a traceback nor a secret."""
    code, printed = await wild.bench.run(
        *arguments, "--config", str(wild.bench.config), **environment
    )

    assert "Traceback" not in printed, printed[-3000:]
    assert "CANARY" not in printed
    return code, printed


def add(wild: WildBench, tmp_path: Path, integrations: dict[str, dict[str, Any]]) -> None:
    """Integrations beside the healthy one, instead of the hostile one, each with its own key."""
    hostile = wild.bench.others.pop(HOSTILE)
    for name, facts in integrations.items():
        own = {"endpoint": f"{wild.ats.url}/{name}", "credentials": {"key": f"CANARY-{name}"}}
        wild.bench.others[name] = hostile | own | facts
    wild.bench.write_config(connector_paths=[str(tmp_path / "connectors")])


# Secrets as people store them: `ats-sync validate`

REFUSED = {
    "tabulator": ("CANARY\tx", "has a character that cannot be sent in an HTTP header (number 7)"),
    "line-break": ("CANARY\nx", "has a character that cannot be sent in an HTTP header (number 7)"),
    "nought": ("CANARY\x00x", "has a character that cannot be sent in an HTTP header (number 7)"),
    "zero-width": ("CANARY\u200b", "has a character that cannot be sent in an HTTP header (number 7)"),
    "other-script": ("\u043aCANARY", "has a character that cannot be sent in an HTTP header (number 1)"),
    "blank-behind": ("CANARY ", "begins or ends with a blank or line break"),
    "empty": ("", "is empty; give it a value, or leave the key out"),
}  # fmt: skip
LEFT_OUT = {
    "line-feed": "CANARY\n",
    "windows": "CANARY\r\n",
    "several": "CANARY\n\n",
    "marked": "\ufeffCANARY",
}


async def test_validate_shows_each_secret_that_cannot_be_sent_and_nothing_starts(
    mongo: TestMongo, tmp_path: Path
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(ROWS)

    async with wild_bench(mongo, tmp_path, answer) as wild:
        secrets = {name: text for name, (text, _) in REFUSED.items()} | LEFT_OUT
        add(wild, tmp_path, {name: {"credentials": {"key": t}} for name, t in secrets.items()})
        code, printed = await command(wild, "validate")
        once, _ = await command(wild, "run", "--once")

        assert (code, once, wild.ats.asked) == (2, 2, [])
        for name, (_, says) in REFUSED.items():
            place = f"integrations.{name}.credentials.key: "
            [line] = [line for line in printed.splitlines() if place in line]
            file, _, said = line.partition(f"  {place}")
            assert file.startswith(f"{wild.bench.config}:1:"), "a file, a line and a column"
            assert said.startswith(says)
        for name in LEFT_OUT:
            assert f"integrations.{name}." not in printed


async def test_what_echo_adds_to_a_secret_costs_nothing_but_a_warning(
    mongo: TestMongo, tmp_path: Path
) -> None:
    async def answer(request: web.Request) -> web.Response:
        good = request.headers.get("X-Key") == "CANARY"
        return web.json_response(ROWS) if good else web.Response(status=401)

    async with wild_bench(mongo, tmp_path, answer) as wild:
        (tmp_path / "key").write_bytes(b"\xef\xbb\xbfCANARY\r\n\r\n")
        add(
            wild,
            tmp_path,
            {name: {"credentials": {"key": text}} for name, text in LEFT_OUT.items()}
            | {
                "variable": {"credentials": {"key": "${env:THE_KEY}"}},
                "a-file": {"credentials": {"key": "${file:key}"}},
            },
        )
        code, printed = await command(
            wild, "run", "--once", THE_KEY="CANARY\n", ATS_SYNC_ADMIN_TOKEN="CANARY-token\n"
        )

        assert code == 0, printed[-3000:]
        for name in ("line-feed", "windows", "several", "variable", "a-file"):
            assert f"integrations.{name}.credentials.key: ends in a line break, which is left" in (
                printed
            )
        assert "integrations.marked.credentials.key: begins with a byte order mark" in printed
        assert "environment  ATS_SYNC_ADMIN_TOKEN: ends in a line break" in printed
        await wild.assert_neighbour_is_whole()


# What a token address answers: `run --once`


def plain(status: int, **headers: str) -> web.Response:
    return web.Response(status=status, text="<p>CANARY</p>", headers=headers)


TOKEN_ANSWERS: dict[str, tuple[Callable[[], web.Response], Sees]] = {
    "refused": (
        lambda: web.json_response({"error": "invalid_client"}, status=401),
        Sees(1, "failed", ("auth_refused",), "auth_failed", "AuthRefused: the ATS gave no access "
             "token (answered 401, invalid_client): check the client id and secret"),
    ),
    "refused-with-200": (
        lambda: web.json_response({"error": "invalid_client"}),
        Sees(1, "failed", ("auth_refused",), "auth_failed", "answered 200, invalid_client"),
    ),
    "wrong-address": (
        lambda: plain(404),
        Sees(1, "failed", (), "active", "TokenUnavailable: the token address answered 404: no tokens "
             "are given there; correct `options.token_url` of the integration"),
    ),
    "no-post": (lambda: plain(405), Sees(1, "failed", (), "active", "no tokens are given there")),
    "moved": (
        lambda: plain(302, Location="https://elsewhere.example/"),
        Sees(1, "failed", (), "active", "the token address answered 302, a redirect"),
    ),
    "no-permission": (
        lambda: plain(403),
        Sees(1, "failed", (), "active", "Forbidden: the ATS gave no access token (answered 403): a "
             "permission, a scope or a network rule is missing at the ATS"),
    ),
    "wants-json": (
        lambda: plain(415),
        Sees(1, "failed", (), "active", "check `auth` of the definition (its grant, form and send_as)"),
    ),
    "away": (
        lambda: plain(503, **{"Retry-After": "3600"}),
        Sees(1, "failed", (), "active", "Unavailable: the token address answered 503"),
    ),
}  # fmt: skip


async def test_each_answer_of_a_token_address_is_shown_as_what_it_is(
    mongo: TestMongo, tmp_path: Path
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return TOKEN_ANSWERS[request.path.split("/")[1]][0]()

    definition = definition_text(auth=BY_TOKEN, more=WITH_OPTION)
    async with wild_bench(mongo, tmp_path, answer, definition=definition) as wild:
        token_urls = {n: {"token_url": f"{wild.ats.url}/{n}/token"} for n in TOKEN_ANSWERS}
        add(wild, tmp_path, {name: {"options": option} for name, option in token_urls.items()})
        code, printed = await command(wild, "run", "--once")
        found = {name: await wild.sees(code, name) for name in TOKEN_ANSWERS}

        for name, (_, expected) in TOKEN_ANSWERS.items():
            seen = found[name]
            assert expected.says in seen.says, name
            assert "CANARY" not in seen.says
            facts = (seen.exit_code, seen.outcome, seen.state)
            assert facts == (expected.exit_code, expected.outcome, expected.state), (name, seen)
            reported = {"auth_refused"} & set(seen.alerts)
            assert reported == set(expected.alerts), (name, seen)
        assert sum("/wrong-address/" in line for line in wild.ats.asked) == 1, printed[-2000:]
        await wild.assert_neighbour_is_whole()


# Pauses: (status, Retry-After) of two answers in a row, and the least time to the next request


def in_three_seconds() -> str:
    return (datetime.now(UTC) + timedelta(seconds=3)).strftime("%a, %d %b %Y %H:%M:%S GMT")


PAUSES: dict[str, tuple[int, Callable[[], str], float]] = {
    "nought": (429, lambda: "0", 0.9),
    "negative": (429, lambda: "-30", 0.9),
    "past": (429, lambda: "Mon, 23 Nov 2020 11:00:00 GMT", 0.9),
    "unreadable": (429, lambda: "soon", 0.9),
    "no-number": (429, lambda: "nan", 0.9),
    "tiny": (429, lambda: "0.001", 0.09),
    "outage": (503, lambda: "2", 1.9),
    "outage-date": (503, in_three_seconds, 1.5),
    "outage-nought": (503, lambda: "0", 0.2),
}


async def test_every_pause_is_as_long_as_it_should_be(mongo: TestMongo, tmp_path: Path) -> None:
    asked: dict[str, list[float]] = {name: [] for name in PAUSES}

    async def answer(request: web.Request) -> web.Response:
        name = request.path.split("/")[1]
        asked[name].append(time.monotonic())
        if len(asked[name]) > 2:
            return web.json_response(ROWS)
        status, pause, _ = PAUSES[name]
        return web.Response(status=status, headers={"Retry-After": pause()})

    definition = definition_text(more="limits: {pause: 1s}")
    async with wild_bench(mongo, tmp_path, answer, definition=definition) as wild:
        add(wild, tmp_path, {name: {} for name in PAUSES})
        code, printed = await command(wild, "run", "--once")

        assert code == 0, printed[-3000:]
        for name, (_, _, least) in PAUSES.items():
            first, second, third = asked[name]
            assert min(second - first, third - second) >= least, name
        await wild.assert_neighbour_is_whole()


# Refresh tokens that the ATS replaces


async def test_a_rotated_refresh_token_outlives_the_process(
    mongo: TestMongo, tmp_path: Path
) -> None:
    vendors = {
        name: RotatingVendor(first=f"CANARY-{name}", expires_in=0.01)
        for name in ("hostile", "file")
    }

    async def answer(request: web.Request) -> web.Response:
        return await vendors[request.path.split("/")[1]](request)

    async with rotating_bench(mongo, tmp_path, answer) as wild:
        one = wild.bench.others[HOSTILE]
        for name in vendors:
            wild.bench.others[name] = one | {
                "endpoint": f"{wild.ats.url}/{name}",
                "options": {"token_url": f"{wild.ats.url}/{name}/token"},
                "credentials": one["credentials"] | {"refresh": f"CANARY-{name}"},
            }
        wild.bench.others["file"]["token_file"] = "file.json"
        wild.bench.write_config(connector_paths=[str(tmp_path / "connectors")])
        codes = [
            (await command(wild, "run", "--once", ATS_SYNC_ENCRYPTION_KEY=KEY))[0] for _ in range(2)
        ]
        stored = await wild.bench.own["oauth_tokens"].find().to_list()

        assert codes == [0, 0]
        for name, vendor in vendors.items():
            assert len(vendor.spent) >= 2
            assert vendor.refused == []
            assert await wild.sees(0, name) == Sees(exit_code=0, outcome="success")
        assert [row["integration"] for row in stored] == [HOSTILE]
        assert "refresh-" not in repr(stored)
        assert (tmp_path / "file.json").stat().st_mode & 0o077 == 0
        await wild.assert_neighbour_is_whole()


@asynccontextmanager
async def rotating_bench(
    mongo: TestMongo, tmp_path: Path, vendor: Answer
) -> AsyncIterator[WildBench]:
    auth = rotating_auth("").replace('"/token"', '"{options.token_url}"')
    definition = definition_text(auth=auth, credentials=CREDENTIALS, more=WITH_OPTION)
    credentials = {"client_id": "id", "client_secret": "CANARY-s", "refresh": "CANARY-refresh"}
    async with wild_bench(
        mongo, tmp_path, vendor, definition=definition, credentials=credentials
    ) as wild:
        wild.bench.others[HOSTILE]["options"] = {"token_url": f"{wild.ats.url}/token"}
        wild.bench.write_config(connector_paths=[str(tmp_path / "connectors")])
        yield wild


async def test_without_a_place_for_it_the_refresh_token_is_refused_at_the_start(
    mongo: TestMongo, tmp_path: Path
) -> None:
    vendor = RotatingVendor(first="CANARY-refresh")

    async with rotating_bench(mongo, tmp_path, vendor) as wild:
        for arguments in (("validate",), ("run", "--once")):
            code, printed = await command(wild, *arguments)
            [line] = [each for each in printed.splitlines() if "credentials.refresh" in each]

            assert code == 2, arguments
            assert line.startswith(f"{wild.bench.config}:1:")
            assert "set ATS_SYNC_ENCRYPTION_KEY" in line
            assert "token_file" in line
        assert vendor.spent == []


async def test_a_process_killed_while_a_token_is_given_goes_on_where_the_ats_lets_it(
    mongo: TestMongo, tmp_path: Path
) -> None:
    """A vendor that accepts the old refresh token until the new one was used, as most do."""
    vendor, running = RotatingVendor(first="CANARY-refresh"), list[Command]()

    async with rotating_bench(mongo, tmp_path, vendor) as wild:
        arguments = ("run", "--once", "--config", str(wild.bench.config))
        vendor.before_answer = lambda: running[0].send_signal(signal.SIGKILL)
        running.append(await wild.bench.start(*arguments, ATS_SYNC_ENCRYPTION_KEY=KEY))
        await running[0].communicate()
        vendor.before_answer, vendor.lenient = None, True
        # Its claim would run out after twelve seconds.
        await wild.bench.own["oauth_tokens"].update_one({}, {"$set": {"claimed_until": None}})
        _, printed = await command(wild, "doctor", ATS_SYNC_ENCRYPTION_KEY=KEY)

        assert "Tiny takes the credential" in printed, printed[-3000:]
        assert vendor.spent == ["CANARY-refresh", "CANARY-refresh"]
        assert vendor.refused == []


async def test_commands_beside_each_other_spend_no_refresh_token_twice(
    mongo: TestMongo, tmp_path: Path
) -> None:
    vendor = RotatingVendor(first="CANARY-refresh", expires_in=0.005)

    async with rotating_bench(mongo, tmp_path, vendor) as wild:
        results = await asyncio.gather(
            command(wild, "run", "--once", ATS_SYNC_ENCRYPTION_KEY=KEY),
            command(wild, "doctor", ATS_SYNC_ENCRYPTION_KEY=KEY),
        )

        assert vendor.refused == [], results
        assert len(vendor.spent) == len(set(vendor.spent)) >= 2
