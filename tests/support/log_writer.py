"""Writes to the logs what an import and pushes would, and checks what became of it."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from daemon.core.events import IMPORTS, UPDATES
from daemon.store.connection import Mongo
from tests.support.log_rows import import_row, update_row
from tests.support.sample_rows import NOW

PEOPLE = 5


class LogWriter:
    """Writes rows of a few candidates, and remembers the order of each."""

    def __init__(self, mongo: Mongo, chance: random.Random) -> None:
        self._mongo = mongo
        self._chance = chance
        self._written = 0
        self.ids: dict[str, list[str]] = defaultdict(list)

    async def write(self, count: int) -> None:
        for _ in range(count):
            self._written += 1
            at = NOW + timedelta(seconds=self._written)
            person = str(self._chance.randrange(PEOPLE))
            if self._chance.random() < 0.5:
                collection, row = IMPORTS, import_row(person, imported_at=at)
            else:
                collection, row = UPDATES, update_row(person, updated_at=at)
            await self._mongo.own[collection].insert_one(row)
            self.ids[str(row["candidate_id"])].append(str(row["_id"]))

    @property
    def count(self) -> int:
        return self._written

    def problems(self, bodies: Sequence[bytes]) -> list[str]:
        """What became of these rows otherwise than promised."""
        return broken_promises(bodies, self.ids)


def broken_promises(bodies: Sequence[bytes], written: Mapping[str, Sequence[str]]) -> list[str]:
    """What was lost, or came first in another order, or was repeated with another content.

    `written` has the ids of rows by candidate, in their order. Events of other rows are not looked at.
    """
    by_id: dict[str, set[bytes]] = defaultdict(set)
    by_candidate: dict[str, list[str]] = defaultdict(list)
    for body in bodies:
        event = msgspec.json.decode(body)
        by_id[event["id"]].add(body)
        by_candidate[event["partitionkey"]].append(event["id"])
    found = [f"{one}: {len(same)} contents" for one, same in by_id.items() if len(same) > 1]
    for who, ids in written.items():
        wanted = set(ids)
        got = [one for one in dict.fromkeys(by_candidate[who]) if one in wanted]
        if got != list(ids):
            lost = wanted - set(got)
            found.append(f"{who}: {len(lost)} lost" if lost else f"{who}: another order")
    return found
