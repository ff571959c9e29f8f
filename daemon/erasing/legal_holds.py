"""Legal holds, with the rows that they keep from expiring."""

from daemon.core.erasure import PersonIds
from daemon.ports.erasures import LegalHolds, PersonData


class HeldPeople:
    """Sets and releases holds, and marks the rows of those who are held.

    Marks follow the hold and precede its end, so that after a kill a repetition completes either.
    """

    def __init__(self, holds: LegalHolds, data: PersonData) -> None:
        self._holds = holds
        self._data = data

    async def set(self, person: PersonIds, reason: str) -> None:
        await self._holds.set(person, reason)
        await self._data.keep(await self._data.complete(person))

    async def release(self, person: PersonIds) -> int:
        """Returns the number of holds that there were."""
        complete = await self._data.complete(person)
        await self._data.let_expire(complete)
        released = await self._holds.release(person)
        await self._data.let_expire(complete)  # marked by another process in between
        return released

    async def keep_all(self) -> int:
        """Marks what was written since; returns the number of holds."""
        held = await self._holds.all()
        for integration, external_id in held:
            person = PersonIds(integration, candidates=frozenset({external_id}))
            complete = await self._data.complete(person)
            await self._data.keep(complete)
            if not await self._holds.held(person):
                await self._data.let_expire(complete)
        return len(held)
