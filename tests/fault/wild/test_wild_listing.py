"""Odd answers to a listing, and what the operator sees of each."""

from pathlib import Path

import pytest
from aiohttp import web

from tests.support.mongo import TestMongo
from tests.support.wild import Sees, wild_bench

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.fault]


async def test_an_ats_that_answers_as_promised_is_imported(
    mongo: TestMongo, tmp_path: Path
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"rows": [{"id": "1", "name": "Ada"}]})

    async with wild_bench(mongo, tmp_path, answer) as wild:
        await wild.assert_sees(Sees(exit_code=0, outcome="success"))

        assert set(await wild.people()) == {"1"}
