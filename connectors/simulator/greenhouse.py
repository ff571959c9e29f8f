"""Greenhouse, Harvest v3: cursor listings, single active token, guarded moves."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar
from urllib.parse import parse_qs

import msgspec

from connectors.simulator import greenhouse_rows as rows
from connectors.simulator.clock import SimClock, iso
from connectors.simulator.greenhouse_listings import FILTER_STATUS, GreenhouseListings
from connectors.simulator.greenhouse_lists import Listing, rows_before
from connectors.simulator.greenhouse_writes import GreenhouseWrites
from connectors.simulator.limits import FixedWindow, HeaderNames, Limit
from connectors.simulator.messages import Call, Record, Refusal, Reply, Route
from connectors.simulator.world import Application, Blueprint, Person, StageTemplate

CURSOR_ALONE = "When passing a cursor, do not include other query params."
LIMIT_NAMES = HeaderNames(
    limit="X-RateLimit-Limit",
    remaining="X-RateLimit-Remaining",
    reset="X-RateLimit-Reset",
    retry_after="Retry-After",
)


@dataclass(slots=True)
class Tokens:
    """Issues tokens with a life time; `single` makes a new one revoke the one before."""

    clock: SimClock
    ttl_s: float
    single: bool
    issued: int = field(default=0, init=False)
    _live: dict[str, tuple[str, int]] = field(default_factory=dict, init=False)

    def issue(self, subject: str) -> tuple[str, str | None]:
        """A new token in the name of someone, and when it ends (ISO 8601)."""
        if self.single:
            self._live.clear()
        self.issued += 1
        ends = self.clock.now_ms() + round(self.ttl_s * 1000)
        token = sha256(f"{subject}:{self.issued}:{ends}".encode()).hexdigest()
        self._live[token] = (subject, ends)
        return token, iso(ends)

    def subject(self, token: str) -> str | None:
        """Whose token this is; None when it is unknown, revoked or over."""
        subject, ends = self._live.get(token, ("", 0))
        return subject if ends > self.clock.now_ms() else None

    def expire_all(self) -> None:
        self._live.clear()


@dataclass(kw_only=True, eq=False)
class Greenhouse(GreenhouseListings, GreenhouseWrites):
    """A Greenhouse account as its Harvest v3 API shows it (vendor docs, read 2026-11-23)."""

    NAME: ClassVar[str] = "greenhouse"
    BASE_PATH: ClassVar[str] = "/v3"
    INVALID = 422
    CURSOR_REFUSED = ("Invalid cursor.", "Expired cursor.")
    CREDENTIALS: ClassVar = {"client_id": "gh-client-{seed}", "client_secret": "gh-secret-{seed}"}
    BLUEPRINT: ClassVar[Blueprint] = Blueprint(
        stages=(
            StageTemplate("Application Review", "reviewing"),
            StageTemplate("Phone Screen", "screening"),
            StageTemplate("Assessment", "assessment"),
            StageTemplate("Onsite Interview", "interview"),
            StageTemplate("Background Check", "background_check"),
            StageTemplate("Offer", "offer"),
        ),
    )
    PERSON_IDS = rows.PERSON_IDS
    APPLICATION_IDS = rows.APPLICATION_IDS
    JOB_IDS = rows.JOB_IDS
    STAGE_IDS = rows.STAGE_IDS
    REASON_IDS = rows.REASON_IDS
    USER_IDS = rows.USER_IDS
    FILE_IDS = rows.FILE_IDS
    FILE_LIFE_MS = 7 * 86_400_000
    CANDIDATE_FIELDS = frozenset(key for kind, key, _ in rows.FIELDS if kind == "candidate")
    CANDIDATE_LACKS = ("source",)
    APPLICATION_LACKS = ("hired_at",)

    rate_limit: int = 75
    window_s: float = 30.0
    token_ttl_s: float = 3600.0
    token_rate_limit: int = 20
    single_active_token: bool = True
    cursor_ttl_s: float = 3600.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tokens = Tokens(self.clock, ttl_s=self.token_ttl_s, single=self.single_active_token)
        self.cursor_life_ms = self.cursor_ttl_s * 1000
        self.budget = FixedWindow(
            self.rate_limit,
            self.window_s * self.time_scale,
            names=LIMIT_NAMES,
            epoch_s=lambda: self.clock.now_ms() / 1000,
        )
        self._token_limit = self.minute_window(self.token_rate_limit, retry_after=True)

    @property
    def options(self) -> dict[str, str]:
        """Tokens come from another host than the API, here from another path."""
        return {"token_url": f"{self.origin}/token"}

    def routes(self) -> list[Route]:
        """The endpoints of v3 that an integration of this kind uses."""
        names = [*rows.SETUP, "candidates", "applications", "application_stages"]
        names += ["rejection_details", "attachments", "notes", "applied_candidate_tags"]
        lists = [Route("GET", f"/v3/{name}", "list", name, self._list) for name in names]
        token = Route("POST", "/token", "token", "token", self._token)
        file = Route("GET", "/files/{id}", "detail", "file", self.signed_file)
        return [token, file, *lists, *self.write_routes()]

    def limit_for(self, call: Call) -> Limit | None:
        """One window for the API, one for tokens, none for the file store."""
        if call.route.operation == "token":
            return self._token_limit
        return super().limit_for(call)

    def expire_tokens(self) -> None:
        self.tokens.expire_all()

    def refused(self, refusal: Refusal) -> Reply:
        """Errors are a list of sentences."""
        return Reply.of({"errors": [refusal.message]}, refusal.status)

    def authenticate(self, call: Call) -> None:
        """A bearer token, and for listings one of a Site Admin."""
        if "On-Behalf-Of" in call.headers:
            self.violated("on_behalf_of_header", call.route.name, "v3 has none")
        subject = self.tokens.subject(self.bearer(call))
        if subject is None:
            raise Refusal(401, "Invalid or expired token")
        call.actor = int(subject)
        if call.route.operation == "list" and not self.world.users[call.actor].is_admin:
            raise Refusal(403, "Site Admin required", rule="not_site_admin")

    def _token(self, call: Call) -> Reply:
        given = call.basic()
        expected = (self.credentials["client_id"], self.credentials["client_secret"])
        if given is None:
            raise Refusal(401, "Client credentials missing", rule="client_credentials_not_basic")
        if given != expected:
            raise Refusal(401, "Invalid client")
        form = {k: v[-1] for k, v in parse_qs(call.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "client_credentials":
            raise Refusal(400, "Unsupported grant_type", rule="token_body_not_form")
        number = self.user(form["sub"]) if "sub" in form else 1
        if number is None:
            raise Refusal(400, "sub is no user of this account")
        token, expires_at = self.tokens.issue(str(number))
        body = {"token_type": "Bearer", "access_token": token, "expires_at": expires_at}
        return Reply.of(body)

    def _list(self, call: Call) -> Reply:
        listing = self.named(call.route.name)
        walk = self._walk(call, listing)
        query = msgspec.convert(walk["q"], dict[str, str])
        status = query.get("status", "active")
        if listing.name == "applications" and status not in {*FILTER_STATUS.values(), "converted"}:
            self.violated("unknown_status_filter", "applications", status)
        limit = self.limit_of(
            query.get("per_page", "100"), 500, name="per_page", rule="per_page_out_of_bounds"
        )
        found = rows_before(listing, query, int(str(walk["a"])))
        page = self.walk_page(call, walk, found, limit)
        reply = Reply.of(page.rows)
        if page.next is not None:
            link = f"{self.link_origin(call)}/v3/{listing.name}?cursor={page.next}"
            reply.headers["Link"] = f'<{link}>; rel="next"'
        return reply

    def _walk(self, call: Call, listing: Listing) -> Record:
        """The walk that the request begins or continues, from the newest id to the oldest."""
        if "cursor" not in call.query:
            self.expect(call, listing.allowed)
        elif len(call.query) > 1:
            raise self.invalid(CURSOR_ALONE, "parameter_beside_cursor")
        cursor, first = call.query.get("cursor"), listing.newest() + 1
        return self.walk(call, cursor, "invalid_cursor", dict(call.query), same=False, a=first)

    def truth_candidate(self, person: Person) -> Record:
        """An anonymised person is called by the id."""
        record = super().truth_candidate(person)
        record["last_name"] = rows.shown_last_name(person)
        return record

    def truth_application(self, application: Application) -> Record:
        """Without a stage, where it is hired."""
        record = super().truth_application(application)
        if application.state == "hired" and not self.hired_keeps_stage:
            record["stage"] = {"external_id": None, "name": None}
        return record


SIMULATOR = Greenhouse
