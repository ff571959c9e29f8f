"""The state of an import between runs, stored in the checkpoint `poll:<name>`.

A walk is one pass over all lists of an integration. It is stored only when there is something to
lose: before the first page that changes anything, and now and then on a long walk.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import convert, to_builtins
from msgspec.structs import FieldInfo, fields, replace

from daemon.core.unread_fields import UnreadFields, unread_from
from daemon.core.webhook_health import WebhookHealth

SAME_PASS = timedelta(hours=1)
"""A pass that fails for longer than this begins to log new versions."""
DOUBTFUL_AFTER = 2
FORGOTTEN_AFTER = 3
"""Failures in a row at one position."""


class PageInFlight(msgspec.Struct, frozen=True):
    """A page that is being written: its records can be finished from their snapshots."""

    list_name: str = msgspec.field(name="list")
    external_ids: tuple[str, ...]
    import_id: UUID
    attempts: int = 0
    """Runs that tried to finish it."""

    @property
    def has_failed_before(self) -> bool:
        """True if two runs could not finish it: one of its records may be the cause."""
        return self.attempts >= DOUBTFUL_AFTER


class Deleting(msgspec.Struct, frozen=True):
    """Records proved gone that are being marked deleted."""

    list_name: str = msgspec.field(name="list")
    external_ids: tuple[str, ...]


class ListPosition(msgspec.Struct, frozen=True):
    """The position of the walk of one list."""

    position: Mapping[str, Any] | None
    full: bool
    """The list is walked completely, whatever its cursor says."""
    failures: int = 0
    """Runs in a row that ended at this position with more than an outage."""

    @property
    def has_failed_before(self) -> bool:
        """True if two runs in a row failed here: the next page is written record by record."""
        return self.failures >= DOUBTFUL_AFTER


FailureCause = Literal["outage", "answer", "refusal", "unexpected"]
"""Why a list could not be walked to its end.

`outage`: no answer, a rate limit, ClearView's service away. `answer`: the ATS answered, but not with
a page. `refusal`: asking again cannot help. `unexpected`: an error that is no known kind.
"""


class ListingPass(msgspec.Struct):
    """One pass over all lists, resumable."""

    id: UUID
    sweep: bool
    began_at: datetime
    done: list[str] = msgspec.field(default_factory=list)
    positions: dict[str, ListPosition] = msgspec.field(default_factory=dict)
    """Lists under way."""
    resumed_lists: frozenset[str] = frozenset()
    """Lists that an earlier run began: what this one does not see of them proves nothing."""

    def begin(self, list_name: str, *, full: bool) -> None:
        """Starts a list, unless an earlier run has left it half way."""
        self.positions.setdefault(list_name, ListPosition(None, full))

    def move(self, list_name: str, position: Mapping[str, Any] | None) -> None:
        """Moves the position of a list; everything before it is durable."""
        self.positions[list_name] = ListPosition(position, self.positions[list_name].full)

    def restart(self, list_name: str, *, full: bool) -> None:
        """Begins a list again from its first page."""
        self.positions[list_name] = ListPosition(None, full)
        self.resumed_lists -= {list_name}

    def failed(self, list_name: str, cause: FailureCause) -> bool:
        """Counts a failure at the list's position; True if the position is forgotten.

        An outage says nothing about the position. Any other failure may come from the position
        itself, which would fail every later run: a refusal forgets it at once, an answer that is no
        page and an unexpected error when they repeat. The window begins again at the next run.
        """
        at = self.positions.get(list_name)
        if at is None or cause == "outage":
            return False
        failures = at.failures + 1
        forgotten = at.position is not None and (cause == "refusal" or failures >= FORGOTTEN_AFTER)
        self.positions[list_name] = ListPosition(
            None if forgotten else at.position, at.full, failures
        )
        return forgotten

    def finish(self, list_name: str) -> None:
        self.positions.pop(list_name, None)
        self.done.append(list_name)

    def after_failure(self, now: datetime, fresh: UUID) -> "ListingPass":
        """Returns the pass that goes on where a list failed, and walks all the others again.

        It stays the same pass for a while, so that what the two halves say of one candidate is one
        version.
        """
        if self._is_young(now):
            return replace(self, done=[])
        return ListingPass(id=fresh, sweep=self.sweep, began_at=now, positions=dict(self.positions))

    def as_sweep(self, now: datetime, fresh: UUID) -> "ListingPass":
        """Returns the sweep, from the first page, that this pass turns into; the same for a while."""
        if self._is_young(now):
            return ListingPass(id=self.id, sweep=True, began_at=self.began_at)
        return ListingPass(id=fresh, sweep=True, began_at=now)

    def _is_young(self, now: datetime) -> bool:
        return abs(now - self.began_at) < SAME_PASS


class PollState(msgspec.Struct):
    """The state of an import between runs."""

    cursors: dict[str, Mapping[str, Any]] = msgspec.field(default_factory=dict)
    cursors_at: dict[str, datetime] = msgspec.field(default_factory=dict)
    """When each cursor was stored."""
    mappings: dict[str, str] = msgspec.field(default_factory=dict)
    lookups: dict[str, str] = msgspec.field(default_factory=dict)
    """Per list: a digest of its lookup lists at its last complete walk."""
    filled: dict[str, Mapping[str, Any]] = msgspec.field(default_factory=dict)
    """Per list: how often mapped fields used to have values, for drift."""
    unread: dict[str, UnreadFields] = msgspec.field(default_factory=dict)
    """Per list: records with a field that could not be read."""
    swept_at: datetime | None = None
    walk: ListingPass | None = None
    applying: list[PageInFlight] = msgspec.field(default_factory=list)
    """Pages under way, in their order: announced, being written, given to ClearView, or logged."""
    deleting: Deleting | None = None
    webhooks: WebhookHealth | None = None
    """None where webhooks do not decide how often the integration is polled."""

    def needs_full(self, list_name: str, mapping_version: str) -> bool:
        """Returns True if there is no cursor, or another mapping version made the snapshots."""
        return list_name not in self.cursors or self.mappings.get(list_name) != mapping_version

    def needs_remapping(self, list_name: str, lookups: str) -> bool:
        """Returns True if unchanged records must be mapped: their lookup lists have changed.

        So they must if more records have an unread field than the state can name.
        """
        changed = self.lookups.get(list_name, "") != lookups
        return changed or self.unread_of(list_name).has_more

    def unread_of(self, list_name: str) -> UnreadFields:
        return self.unread.setdefault(list_name, UnreadFields())

    def sweep_is_due(self, now: datetime, every: timedelta) -> bool:
        """Returns True if the last sweep ended longer ago than `every`.

        One that lies as far ahead was dated by a clock that was wrong.
        """
        return self.swept_at is None or abs(now - self.swept_at) >= every

    def resume_or_begin(self, *, sweep: bool, now: datetime, fresh: UUID) -> ListingPass:
        """Resumes the pass under way, or begins one; a sweep begins at the first page."""
        if self.walk is None:
            self.walk = ListingPass(id=fresh, sweep=sweep, began_at=now)
        elif sweep and not self.walk.sweep:
            self.walk = self.walk.as_sweep(now, fresh)
        return self.walk

    def to_value(self) -> dict[str, Any]:
        """Returns it as it is stored."""
        value: dict[str, Any] = to_builtins(self, builtin_types=_STORED_AS_THEY_ARE, enc_hook=int)
        value["unread"] = {
            name: unread.to_value() for name, unread in self.unread.items() if not unread.is_empty
        }
        if self.walk is not None:
            del value["walk"]["resumed_lists"]
        return value


_STORED_AS_THEY_ARE = (UUID, datetime, bytes)


def state_from(value: Mapping[str, Any] | None) -> PollState:
    """Returns the stored state; a fresh one if there is none.

    A part of an odd shape is taken for absent: without its cursor a list is read from the front.
    """
    state, stored = PollState(), value or {}
    for part in fields(PollState):
        with suppress(AttributeError, KeyError, TypeError, ValueError):
            setattr(state, part.name, _part(part, stored[part.name]))
    if state.walk is not None:
        begun = {name for name, at in state.walk.positions.items() if at.position is not None}
        state.walk.resumed_lists = frozenset(begun.union(state.walk.done))
    return state


def _part(part: FieldInfo, value: Any) -> object:
    if part.name == "unread":
        return {name: unread_from(each) for name, each in value.items()}
    return convert(value, part.type, builtin_types=_STORED_AS_THEY_ARE)
