"""Databases for commands."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import CommandWorld
from tests.support.mongo import MongoServer


@pytest.fixture
def world(mongo_server: MongoServer, tmp_path: Path) -> Iterator[CommandWorld]:
    made = CommandWorld(mongo_server, uuid.uuid4().hex[:12], tmp_path)
    made.begin()
    yield made
    made.end()
