"""The base of every vendor's simulator: lookups, checks, pages and writes in the shapes that vendors share.

A vendor adds its routes, its rows, its paging style and its error shape.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import ClassVar, TypeVar

from connectors.simulator.clock import parse_ms
from connectors.simulator.documents import document
from connectors.simulator.filters import FAR_MS
from connectors.simulator.limits import FixedWindow, HeaderNames, Limit
from connectors.simulator.messages import (
    Call,
    ListedPage,
    Operation,
    Record,
    Refusal,
    Reply,
    Route,
    integer,
    seal,
    unseal,
)
from connectors.simulator.server import Simulator
from connectors.simulator.world import (
    Application,
    File,
    Job,
    Note,
    Person,
    Reason,
    Stage,
)

T = TypeVar("T")


class VendorSimulator(Simulator):
    """A simulator with the handlers' shared parts. A vendor says how it refuses."""

    INVALID: ClassVar[int] = 400
    """The status of a request with a wrong parameter or body."""
    BODY_TYPE_STATUS: ClassVar[int | None] = None
    """The status of a body that does not say that it is JSON; None where the vendor accepts it."""
    CURSOR_REFUSED: ClassVar[tuple[str, str]] = ("Invalid cursor", "Expired cursor")
    """The messages that refuse a foreign and an old cursor."""
    CURSOR_CODE: ClassVar[str] = ""
    UNKNOWN_FIELD: ClassVar[str] = "unknown_body_field"
    FILE_LIFE_MS: ClassVar[int] = 60_000
    EXPIRES_UNIT_MS: ClassVar[int] = 1
    """The unit in which the address of a file says when it ends."""
    REJECTED_STAYS: ClassVar[bool] = False
    """True where a rejection is kept beside the stage, so that a move leaves it as it is."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cursor_life_ms = float("inf")

    def minute_window(self, calls: int | None, *, retry_after: bool) -> Limit | None:
        """A window of one minute, or no limit; `retry_after` adds that header to 429s."""
        if calls is None:
            return None
        names = HeaderNames(retry_after="Retry-After" if retry_after else None)
        return FixedWindow(calls, 60.0 * self.time_scale, names=names)

    # Answers

    def answer(self, value: object, status: int = 200) -> Reply:
        """A value as the vendor's API wraps it."""
        return Reply.of(value, status)

    def read_route(
        self,
        pattern: str,
        name: str,
        value: Callable[[Call], object],
        *allowed: str,
        operation: Operation = "detail",
    ) -> Route:
        """An endpoint that answers with a value, and takes only the allowed parameters."""

        def handler(call: Call) -> Reply:
            self.expect(call, allowed)
            return self.answer(value(call))

        return Route("GET", pattern, operation, name, handler)

    def invalid(self, message: str, rule: str | None = None, *, code: str = "") -> Refusal:
        """The refusal of a wrong request; with a `rule` it is recorded as a violation."""
        return Refusal(self.INVALID, message, rule=rule, code=code)

    def not_found(self, what: str) -> Refusal:
        return Refusal(404, f"{what.capitalize()} was not found")

    # Authentication

    def basic(self, call: Call) -> tuple[str, str]:
        """User and password of HTTP Basic; refused with 401 where there are none."""
        given = call.basic()
        if given is None:
            raise Refusal(401, "Credentials missing", rule="basic_authorization_missing")
        return given

    def bearer(self, call: Call) -> str:
        """The bearer token; refused with 401 where there is none."""
        token = call.bearer()
        if token is None:
            raise Refusal(401, "Bearer token missing", rule="bearer_token_missing")
        return token

    # Lookups

    def person(self, key: object) -> Person:
        """The candidate with this id; refused where there is none."""
        return self.found(self.find_person(key), "candidate")

    def application(self, key: object) -> Application:
        """The application with this id; refused where there is none."""
        return self.found(self.find_application(key), "application")

    def job(self, key: object) -> Job:
        """The job with this id; refused where there is none."""
        return self.found(self.world.jobs.get(self.JOB_IDS.number(key) or 0), "job")

    def found(self, value: T | None, what: str) -> T:
        """The value; refused where it is None."""
        if value is None:
            raise self.not_found(what)
        return value

    def stage_in(self, job: int, key: object) -> Stage | None:
        """The stage of that job's pipeline with this id."""
        number = self.STAGE_IDS.number(key)
        return next((s for s in self.world.stages_of(job) if s.number == number), None)

    def reason(self, key: object) -> Reason | None:
        return self.world.reasons.get(self.REASON_IDS.number(key) or 0)

    def user(self, key: object) -> int | None:
        """The number of the user with this id."""
        number = self.USER_IDS.number(key)
        return number if number in self.world.users else None

    # Checks

    def expect(self, call: Call, allowed: Iterable[str] = ()) -> None:
        """Refuses query parameters that the endpoint does not know."""
        unknown = sorted(call.params - set(allowed))
        if unknown:
            raise self.invalid(f"Unknown parameter: {unknown[0]}", "unknown_parameter")

    def body(self, call: Call, allowed: Iterable[str] = (), *required: str) -> Record:
        """The body as an object that has all required fields and no unknown one."""
        self.expect_json(call)
        given = call.json_object()
        unknown = sorted(set(given) - set(allowed) - set(required))
        if unknown:
            raise self.invalid(f"{unknown[0]} is unknown", self.UNKNOWN_FIELD)
        missing = [name for name in required if given.get(name) is None]
        if missing:
            raise self.invalid(f"{missing[0]} is required", "parameter_missing")
        return given

    def expect_json(self, call: Call) -> None:
        """Refuses a body that is not declared as JSON, if the vendor does."""
        is_json = call.headers.get("Content-Type", "").startswith("application/json")
        if self.BODY_TYPE_STATUS is not None and not is_json:
            message = "Content-Type must be application/json"
            raise Refusal(self.BODY_TYPE_STATUS, message, rule="content_type_wrong")

    def limit_of(
        self,
        given: object,
        most: int,
        *,
        name: str = "limit",
        rule: str = "limit_out_of_bounds",
    ) -> int:
        """A number of rows from 1 to `most`."""
        limit = integer(given, low=1, high=most)
        if limit is None:
            raise self.invalid(f"{name} must be between 1 and {most}", rule)
        return limit

    def moment(self, text: object, name: str) -> int:
        """Milliseconds of an ISO 8601 time with a zone."""
        at = parse_ms(str(text))
        if at is None:
            raise self.invalid(f"{name} must be ISO 8601 with a zone", "time_not_iso_8601")
        return at

    def texts(self, value: object) -> list[str]:
        """Tags, which are a list of texts."""
        if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
            raise self.invalid("tags must be a list of texts", "tags_not_a_list")
        return value

    # Pages

    def walk(
        self,
        call: Call,
        cursor: object,
        rule: str,
        query: object,
        *,
        same: bool = True,
        **more: object,
    ) -> Record:
        """The state of the walk that begins without a cursor, or goes on where the cursor says.

        Its cursors carry it. Refused are cursors of another list (which breaks `rule`), too old ones,
        and, where it has to be the `same`, those of another query. `more` is kept from the beginning.
        """
        if cursor is None:
            return {"l": call.route.name, "q": query, "a": 0, "n": 1, **more}
        foreign, old = self.CURSOR_REFUSED
        state = unseal(str(cursor))
        if state is None or state.get("l") != call.route.name:
            raise self.invalid(foreign, rule, code=self.CURSOR_CODE)
        issued = int(str(state["t"]))
        late = self.clock.now_ms() - issued > self.cursor_life_ms
        if late or issued < self.cursors_begin_ms:
            raise self.invalid(old, code=self.CURSOR_CODE)
        if same and query != state["q"]:
            changed = "parameters_changed_during_walk"
            raise self.invalid(foreign, changed, code=self.CURSOR_CODE)
        call.page = int(str(state["n"]))
        return state

    def walk_page(
        self, call: Call, state: Record, rows: Iterable[tuple[object, object]], limit: int
    ) -> ListedPage:
        """The next page of a walk; `rows` are those after the state's position, with their own."""
        found = list(islice(rows, limit + 1))
        stamped = {**state, "t": self.clock.now_ms()}
        onward = None
        if len(found) > limit:
            onward = seal({**stamped, "a": found[limit - 1][0], "n": call.page + 1})
        page = ListedPage([row for _, row in found[:limit]], onward, seal(stamped))
        return self.serve_page(call, page)

    def page_number(self, call: Call, name: str, rule: str) -> int:
        """The number of the page that is asked for: the first without any."""
        number = integer(call.query.get(name, "1"), low=1, high=1 << 40)
        if number is None:
            raise self.invalid(f"{name} begins at 1", rule)
        call.page = number
        return number

    def numbered_page(
        self,
        call: Call,
        order: Sequence[int],
        size: int,
        *,
        row: Callable[[int], object],
        link: Callable[[int], str],
    ) -> ListedPage:
        """The call's page of records in this order; `link` is the address of a page by its number."""
        first, end = (call.page - 1) * size, call.page * size
        onward = link(call.page + 1) if end < len(order) else None
        page = ListedPage([row(n) for n in order[first:end]], onward, link(call.page))
        return self.serve_page(call, page)

    # Writes

    def write_route(
        self,
        method: str,
        pattern: str,
        name: str,
        handler: Callable[[Call, T], Reply],
        find: Callable[[object], T],
    ) -> Route:
        """An endpoint that changes the record whose id is in the path."""

        def handle(call: Call) -> Reply:
            return handler(call, find(call.ids["id"]))

        return Route(method, pattern, "write", name, handle)

    def enter(self, application: Application, stage: Stage, *, user: int = 1) -> None:
        """Puts the application into the stage: hire, open again or move; nothing if it is there."""
        if stage.kind and stage.kind == self.BLUEPRINT.hired_kind:
            if application.state != "hired":
                self.actions.hire(application, user=user)
        elif application.state == "hired" or (
            application.state == "rejected" and not self.REJECTED_STAYS
        ):
            self.actions.unreject(application, stage=stage, user=user)
        elif stage.number != application.stage:
            self.actions.move(application, stage, user=user)

    def reject_for(self, application: Application, reason: Reason, *, user: int = 1) -> None:
        """Rejects for this reason; nothing if it was already rejected for it."""
        if (application.state, application.reason) != ("rejected", reason.number):
            self.actions.reject(application, reason, user=user)

    def person_of(self, owner: Person | Application) -> Person:
        """The person, or the one whose application it is."""
        return self.world.people[owner.person] if isinstance(owner, Application) else owner

    def edit(self, call: Call, owner: Person | Application, changes: Record) -> None:
        """Changes fields of the person, if any differs, and records the write."""
        person = self.person_of(owner)
        effect = any(
            differs(person.custom_fields, value)
            if name == "custom_fields"
            else getattr(person, name) != value
            for name, value in changes.items()
        )
        if effect:
            self.actions.edit_person(person, changes)
        self.wrote(call, owner, effect=effect)

    def set_fields(
        self,
        call: Call,
        owner: Person | Application,
        changes: Record,
        *,
        body: Record | None = None,
    ) -> None:
        """Sets the owner's own custom fields, if any differs, and records the write."""
        effect = differs(owner.custom_fields, changes)
        if effect and isinstance(owner, Person):
            self.actions.edit_person(owner, {"custom_fields": changes})
        elif effect and isinstance(owner, Application):
            self.actions.edit_application(owner, changes)
        self.wrote(call, owner, effect=effect, body=body)

    def note(
        self, call: Call, owner: Person | Application, text: str, *, user: int | None = None
    ) -> Note:
        """Adds a note in the actor's name and records the write."""
        note = self.remark(call, owner, text, user=user)
        self.wrote(call, owner)
        return note

    def remark(
        self, call: Call, owner: Person | Application, text: str, *, user: int | None = None
    ) -> Note:
        """Adds a note in the actor's name, as a part of a write."""
        number = owner.number if isinstance(owner, Application) else None
        author = user or call.actor
        return self.actions.add_note(self.person_of(owner), text, application=number, user=author)

    # Files

    def file_url(self, number: int) -> str:
        """The signed address of a file; it ends FILE_LIFE_MS from now."""
        expires = (self.clock.now_ms() + self.FILE_LIFE_MS) // self.EXPIRES_UNIT_MS
        key = self.FILE_IDS.text(number)
        return f"{self.file_origin}/files/{key}?expires={expires}&signature=simulated"

    def signed_file(self, call: Call) -> Reply:
        """A file of the file store, by an address that `file_url` made."""
        expires = integer(call.query.get("expires", ""), low=0, high=FAR_MS)
        signed = expires is not None and "signature" in call.query
        ends_ms = (expires or 0) * self.EXPIRES_UNIT_MS if signed else None
        return self.file_until(call.ids["id"], ends_ms)

    def file_until(self, key: object, ends_ms: int | None) -> Reply:
        """A file whose address is good until then; None is an address that was never signed."""
        if ends_ms is None:
            raise Refusal(403, "AccessDenied")
        if ends_ms < self.clock.now_ms():
            raise Refusal(403, "Request has expired")
        people = self.world.people.values()
        return self.file_of((file for person in people for file in person.files), key)

    def file_of(self, files: Iterable[File], key: object) -> Reply:
        """The one of these files that has this id."""
        number = self.FILE_IDS.number(key)
        file = next((file for file in files if file.number == number), None)
        content, kind = document(self.found(file, "file").name)
        return Reply(200, content, content_type=kind)


StatusParts = tuple[int, str, int | None]


def status_parts(application: Application) -> StatusParts:
    """The parts of an application that a status write can change: stage, state and reason."""
    return application.stage, application.state, application.reason


def differs(known: Mapping[str, object], changes: Mapping[str, object]) -> bool:
    """True where a change is one."""
    return any(known.get(name) != value for name, value in changes.items())


def numbered(number: int | None, values: Sequence[T]) -> T | None:
    """The value with that number; the first has 1."""
    return values[number - 1] if number is not None and 0 < number <= len(values) else None
