"""Finds the keys and joins of a list's records that the definition's paths read."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from connectors.definition.lists import Join, List
from connectors.definition.paths import DETAIL, joins_used, names_after_joins, names_read
from connectors.read.identify import SCOPE
from connectors.read.mapping import WHOLE, ApplicationMapper, CandidateMapper


class Mappers(msgspec.Struct, frozen=True):
    """The mappers of a connector's records."""

    candidate: CandidateMapper | None
    application: ApplicationMapper | None

    def of(self, spec: List) -> "Mappers":
        """Those that a list's records need."""
        return Mappers(
            self.candidate if spec.holds in {"candidates", "both"} else None,
            self.application if spec.holds in {"applications", "both"} else None,
        )


class Reads(msgspec.Struct, frozen=True):
    """The joins that mapping needs, and what it reads of them and of the record itself."""

    candidate_joins: Mapping[str, Join]
    application_joins: Mapping[str, Join]
    of_joins: Mapping[str, frozenset[str] | None]
    """By join: the keys that are read of its rows; None where any may be read."""
    names: frozenset[str] | None
    """The record's own keys; None where any may be read, or where the list does not show them all."""


def reads_of(spec: List, mappers: Mappers) -> Reads:
    """Returns what the mapping of a list reads; `mappers` are those of the list."""
    of_candidate = mappers.candidate.paths if mappers.candidate else ()
    of_application = mappers.application.paths if mappers.application else ()
    candidate_joins = _needed(spec, of_candidate)
    application_joins = _needed(spec, of_application)
    each = mappers.application.each if mappers.application else None
    own = [spec.id, *of_candidate, *(join.key for join in candidate_joins.values())]
    parts = [*of_application, *(join.key for join in application_joins.values())]
    return Reads(
        candidate_joins,
        application_joins,
        names_after_joins((*of_candidate, *of_application)),
        None if spec.reads_inline else _names(own, parts, each, spec.detail_reads.keys()),
    )


def _names(
    own: list[str], parts: list[str], each: str | None, details: Collection[str]
) -> frozenset[str] | None:
    of_record = names_read([*own, each] if each else [*own, *parts])
    of_parts = names_read(parts, whole=WHOLE) if each else frozenset()
    if of_record is None or of_parts is None:
        return None
    return (of_record | of_parts | {SCOPE}) - ({DETAIL} if details else set())


def _needed(spec: List, paths: Iterable[str]) -> dict[str, Join]:
    """The joins that these paths read, also by way of other joins, in the order of the file."""
    wanted = set().union(*(joins_used(path) for path in paths), set())
    for name, join in reversed(spec.joins.items()):
        if name in wanted:
            wanted |= joins_used(join.key)
    return {name: join for name, join in spec.joins.items() if name in wanted}
