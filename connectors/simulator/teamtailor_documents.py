"""Teamtailor's answers and requests as JSON:API documents."""

import msgspec

from connectors.simulator import teamtailor_rows as rows
from connectors.simulator.messages import Call, Refusal, Reply
from connectors.simulator.rows import Row
from connectors.simulator.teamtailor_rows import Includes, TeamtailorRows
from connectors.simulator.truth import Record

BASE = "/v1"
MEDIA_TYPE = "application/vnd.api+json"


class TeamtailorDocuments(TeamtailorRows):
    """Writes resources as documents and checks those that clients send."""

    def document(
        self, kind: str, number: int, *, status: int = 200, includes: Includes = frozenset()
    ) -> Reply:
        """One resource with what is included."""
        body: Row = {"data": self.encoded(kind, number, includes)}
        if includes:
            body["included"] = self.included(kind, [number], includes)
        return self.with_files(body, status)

    def with_files(self, document: Row, status: int = 200) -> Reply:
        """The answer, with the addresses of files, which are good for thirty seconds."""
        ends = self.clock.now_ms() + self.FILE_LIFE_MS
        address = f"{self.file_origin}/files/{ends}"
        body = msgspec.json.encode(document).replace(rows.FILES.encode(), address.encode())
        return Reply(status, body, content_type=MEDIA_TYPE)

    def data_of(self, call: Call, kind: str) -> Record:
        """The `data` of a document, of the type and for the id of the endpoint; refused without."""
        if call.headers.get("Content-Type", "").partition(";")[0].strip() != MEDIA_TYPE:
            raise Refusal(415, f"Content-Type must be {MEDIA_TYPE}", rule="content_type_wrong")
        found = call.json_object().get("data")
        members = {"id", "type", "attributes", "relationships"}
        if not isinstance(found, dict) or set(found) - members:
            raise self.invalid("data is missing or has unknown members", "document_shape")
        if found.get("type") != kind or str(found.get("id")) != call.ids.get("id", "None"):
            raise self.invalid("data.type or data.id is not the resource's", "resource_identity")
        return found

    def part_of(self, given: Record, name: str, allowed: set[str]) -> Record:
        """The attributes or the relationships, none of them unknown."""
        found = given.get(name, {})
        if not isinstance(found, dict):
            raise self.invalid(f"{name} must be an object", "document_shape")
        unknown = sorted(set(found) - allowed)
        if unknown:
            raise self.invalid(f"{unknown[0]} is not allowed", "unknown_body_field")
        return found

    def linked(self, relationships: Record, name: str, kind: str) -> int | None:
        """The number of the resource that a relationship names, 0 for an unknown one."""
        relationship = relationships.get(name)
        if relationship is None:
            return None
        if not isinstance(relationship, dict) or "data" not in relationship:
            raise self.invalid(f"{name} must have data", "document_shape")
        to = relationship["data"]
        if to is None:
            return None
        if not isinstance(to, dict) or to.get("type") != kind:
            raise self.invalid(f"{name} must be of type {kind}", "relationship_type")
        return rows.IDS[kind].number(to.get("id")) or 0
