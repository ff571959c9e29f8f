"""The models of the operator's file: the integrations and their settings."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from config.operator_clearview import ClearView
from config.operator_events import EventSink
from config.operator_retention import Retention
from config.values import (
    CA_FILE,
    CaFile,
    ConfigModel,
    Duration,
    FileHost,
    Filled,
    HttpUrl,
    NoteText,
    Secret,
    Share,
    Size,
    Slug,
    at_most,
    between,
    issue_at,
    optional_key,
    reject,
    size_between,
    switch,
)
from models.candidate import AttachmentKind
from models.status import ApplicationStatus


class Poll(ConfigModel):
    """When an integration's candidates are fetched."""

    every: Annotated[Duration, between("10s", "7d")] = optional_key(
        "Time between two polls.", "5m", default=timedelta(minutes=5)
    )
    every_with_webhooks: Annotated[Duration, between("10s", "90d")] | None = optional_key(
        "Time between two polls while webhooks are healthy, longer than `every`. "
        "Without it webhooks change nothing about polls.",
        "6h",
    )
    jitter: Annotated[Share, at_most("50%")] = optional_key(
        "How far a poll may move from its time, as a part of `every`, so that "
        "integrations do not all start at once.",
        "10%",
        default="10%",
    )
    overlap: Annotated[Duration, between("0s", "7d")] = optional_key(
        "How far before the last seen change a poll starts again, for changes that "
        "the ATS shows late.",
        "2m",
        default=timedelta(minutes=2),
    )
    sweep_every: Annotated[Duration, between("1m", "90d")] = optional_key(
        "Time between two complete listings, which find what polls cannot see: "
        "deletions, and changes without a timestamp.",
        "24h",
        default=timedelta(hours=24),
    )

    @model_validator(mode="after")
    def _sweeps_are_rarer_than_polls(self) -> "Poll":
        longest = self.every_with_webhooks
        if self.sweep_every < self.every:
            message = "must not be shorter than `every`"
            reject([issue_at(("sweep_every",), message, also=("every",))])
        if longest is not None and longest <= self.every:
            message = "must be longer than `every`"
            reject([issue_at(("every_with_webhooks",), message, also=("every",))])
        if longest is not None and longest > self.sweep_every:
            message = "must not be longer than `sweep_every`: a sweep is a poll"
            reject([issue_at(("every_with_webhooks",), message, also=("sweep_every",))])
        return self


class RejectionEmail(ConfigModel):
    """The e-mail that the ATS sends to a candidate who is rejected in ClearView."""

    template: Filled = Field(
        description="The id of the ATS's e-mail template.",
        examples=["4711"],
    )
    after: Annotated[Duration, between("0s", "30d")] | None = optional_key(
        "Time between the rejection and the e-mail. Without it, the ATS decides.", "48h"
    )


class Push(ConfigModel):
    """The push of status changes from ClearView to the ATS."""

    enabled: bool = switch("Whether status changes are sent to this ATS at all.", default=True)
    conflicts: Literal["ats_wins", "clearview_wins", "newest_wins"] = optional_key(
        "Who is right when the status changed on both sides since they last agreed.",
        "ats_wins",
        default="ats_wins",
    )
    coalesce: Literal["latest", "every"] = optional_key(
        "Which of several changes that waited for an outage are sent: only the latest, "
        "or every one in order.",
        "latest",
        default="latest",
    )
    note: Annotated[NoteText, Field(max_length=200)] | None = optional_key(
        "A note for the hiring team, written once on the application with each status that "
        "was delivered. It may hold `{status}`, `{previous_status}` and `{job}`. Without it no note is written.",
        "Moved by ClearView to {status}",
    )
    rejection_email: RejectionEmail | None = optional_key(
        "An e-mail to the candidate, asked for with the rejection of an application in progress, "
        "where the ATS sends one. Without it none is asked for.",
        {"template": "4711", "after": "48h"},
    )
    hired: dict[Filled, Filled] = optional_key(
        "Where ClearView's application has what the ATS wants with a hire, by the definition's "
        "name for it. A status `hired` without this value is not sent, and logged as `impossible`.",
        {"start_date": "custom_fields.start_date"},
        make=dict,
    )


class Deletions(ConfigModel):
    """The handling of candidates that are gone from the ATS."""

    policy: Literal["mark", "ignore", "erase"] = optional_key(
        "`mark` sets `deleted_at` in ClearView, and `retention.deleted_candidates` later "
        "erases the candidate; `erase` erases a deleted candidate at once, everywhere; `ignore` leaves "
        "the candidate alone.",
        "mark",
        default="mark",
    )
    max_percent: Annotated[float, Field(ge=0, le=100)] = optional_key(
        "A sweep that misses more than this percentage of the known candidates touches "
        "nothing and raises an alert instead.",
        10,
        default=10,
    )


class Attachments(ConfigModel):
    """The files of candidates: resumes, cover letters and others."""

    policy: Literal["none", "metadata", "download"] = optional_key(
        "`none` imports nothing about files; `metadata` their names, kinds and addresses; "
        "`download` also fetches each file, before its address expires, into ClearView.",
        "download",
        default="metadata",
    )
    kinds: Annotated[list[AttachmentKind], Field(min_length=1)] = optional_key(
        "The kinds of files that are fetched. `other` is whatever the ATS calls neither a "
        "resume nor a cover letter.",
        ["resume"],
        default=["resume", "cover_letter", "other"],
    )
    max_size: Annotated[Size, size_between("1KB", "100MB")] = optional_key(
        "A file larger than this is not fetched. Files are held in memory while they are "
        "fetched, four at once in a process.",
        "20MB",
        default="20MB",
    )
    hosts: list[FileHost] = optional_key(
        "Hosts that this account's files come from, beside those that the definition "
        "names: `files.acme.example`, `*.acme.example` (https), or an address.",
        ["*.acme.example"],
        make=list,
    )


class Analytics(ConfigModel):
    """The export of hiring analytics to the ATS. It writes into the customer's system."""

    every: Annotated[Duration, between("10s", "31d")] = optional_key(
        "Length of one exported period.", "24h", default=timedelta(hours=24)
    )
    field: Filled | None = optional_key(
        "The ATS's custom field that receives the value, for an ATS that takes "
        "analytics per application.",
        "clearview_score",
    )


class Privacy(ConfigModel):
    """The fields of a candidate that are not kept. It acts before anything is stored, here or in ClearView."""

    drop: list[Filled] = optional_key(
        "Fields that are left out: a candidate's field, `application.FIELD`, "
        "`custom_fields.NAME`, or a whole class: `personal`, `sensitive`.",
        ["phones", "custom_fields.salary", "application.rejection_reason"],
        make=list,
    )
    hash: list[Filled] = optional_key(
        "Fields whose texts are replaced by keyed hashes (HMAC-SHA-256): equal texts stay equal. "
        "Takes `key`.",
        ["emails"],
        make=list,
    )
    key: Secret | None = optional_key(
        "The key of the hashes, as a reference. Another key makes other hashes.",
        "${file:/run/secrets/hash-key}",
    )
    demographic: bool = switch(
        "Whether custom fields about gender, ethnicity, disability, veteran status, age, religion and "
        "the like are imported. Without it only those that `fields` maps by name.",
        example=False,
    )

    @model_validator(mode="after")
    def _hashes_have_a_key(self) -> "Privacy":
        if self.hash and self.key is None:
            reject([issue_at(("hash",), "needs `key`: a hash without one can be guessed")])
        return self


Stages = Annotated[list[Filled], Field(min_length=1)]


class Integration(ConfigModel):
    """One customer's account at one ATS."""

    connector: Slug = Field(
        description="Which ATS this is: a definition from the catalog, or from `connector_paths`.",
        examples=["greenhouse"],
    )
    endpoint: HttpUrl | None = optional_key(
        "The address of the ATS's API. Without it, the definition's own.",
        "https://harvest.greenhouse.io/v3",
    )
    credentials: dict[str, Secret] = optional_key(
        "What the ATS asks for, named as the ATS names it (`ats-sync connectors show` "
        "lists the names). Write references, not secrets.",
        {"api_key": "${env:ACME_API_KEY}"},
        make=dict,
    )
    acting_user: Filled | None = optional_key(
        "The ATS user in whose name writes are made, where the ATS wants one.", "4012"
    )
    options: dict[str, str] = optional_key(
        "Whatever else the connector's definition declares.",
        {"token_url": "https://auth.greenhouse.io/token"},
        make=dict,
    )
    token_file: Path | None = optional_key(
        "Where a refresh token that the ATS replaces is kept, relative to this file; its "
        "folder must be writable. Without it, in MongoDB, encrypted with `ATS_SYNC_ENCRYPTION_KEY`.",
        "/var/lib/ats-sync/acme.tokens.json",
    )
    allow_private_networks: bool = switch(
        "Whether connections may go to this machine and to private networks. Without it, "
        "only to such addresses that this file has literally, as in `endpoint: http://10.0.0.7:8080`."
    )
    ca_file: CaFile | None = optional_key(CA_FILE, "/etc/ssl/acme-ca.pem")
    enabled: bool = switch(
        "`false` keeps the integration and everything known about it, but does nothing.",
        default=True,
    )
    poll: Poll = optional_key("When candidates are fetched.", {"every": "5m"}, make=Poll)
    statuses: dict[ApplicationStatus, Stages] = optional_key(
        "Stage names or ids of the ATS for each canonical status. The first one is "
        "where a push goes. They come before the definition's own rules.",
        {"interview": ["Onsite", "Team interview"]},
        make=dict,
    )
    rejection_reasons: dict[Filled, Filled] = optional_key(
        "The ATS's reason (name or id) for each of ClearView's; `default` for all others.",
        {"default": "Not a fit"},
        make=dict,
    )
    push: Push = optional_key(
        "How status changes made in ClearView reach the ATS.", {"conflicts": "ats_wins"}, make=Push
    )
    deletions: Deletions = optional_key(
        "What happens when candidates are gone from the ATS.", {"policy": "mark"}, make=Deletions
    )
    attachments: Attachments = optional_key(
        "What is imported of candidates' files.",
        {"policy": "download", "kinds": ["resume"]},
        make=Attachments,
    )
    analytics: Analytics | None = optional_key(
        "The export of analytics to this ATS. Absent means none: it writes into the "
        "customer's system, so it has to be asked for.",
        {"every": "24h"},
    )
    fields: dict[Filled, Filled] = optional_key(
        "Extra mappings: ClearView's field, and where the ATS keeps it, in the language "
        "of connector definitions.",
        {"custom_fields.salary": "custom_fields.desired_salary"},
        make=dict,
    )

    privacy: Privacy = optional_key(
        "The fields of a candidate that are not kept.", {"drop": ["phones"]}, make=Privacy
    )

    @model_validator(mode="after")
    def _each_stage_has_one_status(self) -> "Integration":
        first: dict[str, tuple[str, str, int]] = {}
        issues = []
        for status, stages in self.statuses.items():
            for index, stage in enumerate(stages):
                path = ("statuses", status.value, index)
                earlier = first.setdefault(stage.strip().casefold(), path)
                if earlier != path:
                    message = "this stage is listed twice"
                    if earlier[1] != status.value:
                        message = f"this stage is mapped twice, also to {earlier[1]}"
                    issues.append(issue_at(path, message, also=earlier))
        reject(issues)
        return self


def _whole_number(value: object) -> object:
    """Refuses `true`, which Python takes for 1."""
    if value is True:
        raise ValueError("must be 1")
    return value


class OperatorConfig(ConfigModel):
    """Everything an operator decides about what is kept in step with what."""

    version: Annotated[Literal[1], BeforeValidator(_whole_number)] = Field(
        description="The version of this file's language.",
        examples=[1],
    )
    clearview: ClearView = optional_key(
        "Where ClearView's candidates, analytics and notifications live.",
        {"mongodb": {"uri": "${env:CLEARVIEW_MONGODB_URI}"}},
        make=ClearView,
    )
    integrations: dict[Slug, Integration] = optional_key(
        "The integrations by name. A name appears in logs, metrics and addresses; "
        "renaming an integration makes it a new one.",
        {"acme-greenhouse": {"connector": "greenhouse"}},
        make=dict,
    )
    retention: Retention = optional_key(
        "How long the service keeps what it has recorded.",
        {"logs": "400d", "deleted_candidates": "30d"},
        make=Retention,
    )
    connector_paths: list[Path] = optional_key(
        "Folders with connector definitions of one's own, relative to this file.",
        ["./connectors"],
        make=list,
    )
    events: Annotated[list[EventSink], Field(max_length=4)] = optional_key(
        "Who gets what the logs record, as CloudEvents. At most 4: each reads the logs by "
        "itself, so that one that is away delays no other.",
        [{"kind": "rabbitmq", "url": "${env:RABBITMQ_URL}", "exchange": "ats-sync"}],
        make=list,
    )

    @model_validator(mode="after")
    def _each_sink_is_named_once(self) -> "OperatorConfig":
        first: dict[str, int] = {}
        issues = []
        for index, sink in enumerate(self.events):
            earlier = first.setdefault(sink.name, index)
            if earlier != index:
                message = "this receiver is listed twice; list its types in one entry"
                issues.append(issue_at(("events", index), message, also=("events", earlier)))
        reject(issues)
        return self
