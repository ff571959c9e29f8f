"""A whole connector definition: the one source for reading, checking and documenting it."""

from typing import Literal

from pydantic import Field

from config.values import ConfigModel, Filled, Slug, optional_key
from connectors.definition.analytics import Analytics
from connectors.definition.auth import ActingUser, Auth
from connectors.definition.files import Files
from connectors.definition.limits import Errors, Limits
from connectors.definition.lists import List
from connectors.definition.paths import JmesPath
from connectors.definition.records import ApplicationMapping, CandidateMapping, Statuses
from connectors.definition.requests import Api, Credential, Option
from connectors.definition.webhook import Webhook
from connectors.definition.writes import Writes

Capability = Literal[
    "move", "reject", "withdraw", "unreject", "hire", "analytics", "webhook", "incremental",
    "deletions", "guard", "attachments", "custom_fields", "reasons", "tags", "fetch",
    "note", "rejection_email",
]  # fmt: skip


class DefinitionTest(ConfigModel):
    """A payload and what it must become; `ats-sync connectors test` runs it."""

    name: Filled = Field(description="What is promised.", examples=["a hired one is hired"])
    list: Filled = Field(description="The list the record is from.", examples=["applications"])
    given: dict[str, object] = Field(
        description="The record as the vendor sends it.", examples=[{"id": 1}]
    )
    joined: dict[str, object] = optional_key(
        "What the joins bring, by name.", {"stage": {"name": "Offer"}}, make=dict
    )
    candidate: dict[str, object] | None = optional_key(
        "Fields that the candidate must have; others are not looked at.", {"external_id": "1"}
    )
    application: dict[str, object] | None = optional_key(
        "Fields that the first application must have.", {"status": "hired"}
    )


class DefinitionModel(ConfigModel):
    """A connector to one kind of ATS."""

    connector: Slug = Field(
        description="The connector's name; the file is called `<name>.yaml`.",
        examples=["acme"],
    )
    title: Filled = Field(description="The vendor as people call it.", examples=["Acme Hire"])
    api: Api = Field(
        description="Where the API is.", examples=[{"base_url": "https://api.example.com"}]
    )
    auth: Auth = Field(
        description="How requests prove who sends them.", examples=[{"kind": "bearer"}]
    )
    credentials: dict[Filled, Credential] = optional_key(
        "Secrets that an integration gives, by the vendor's name for them.",
        {"api_key": {"description": "API key"}},
        make=dict,
    )
    options: dict[Filled, Option] = optional_key(
        "Other settings that an integration may or must give.",
        {"subdomain": {"description": "The account's subdomain"}},
        make=dict,
    )
    acting_user: ActingUser | None = optional_key(
        "The ATS user in whose name writes are made, where the vendor wants one.",
        {"needed": "writes", "description": "The id of a user"},
    )
    limits: Limits = optional_key(
        "What the vendor allows.",
        {"budgets": [{"kind": "window", "requests": 50, "per": "10s"}]},
        make=Limits,
    )
    errors: Errors = optional_key(
        "How an answer reports a failure, and what it means.", {"ok_when": "success"}, make=Errors
    )
    lists: dict[Filled, List] = Field(
        description="The vendor's lists, in the order in which an import walks them.",
        examples=[{"candidates": {"holds": "candidates"}}],
    )
    candidate: CandidateMapping | None = optional_key(
        "How a candidate is read.", {"external_id": "id"}
    )
    anonymised: JmesPath | None = optional_key(
        "Where a record says that the vendor has removed the person's data. With "
        "`deletions.policy: erase` the candidate is erased then.",
        "isAnonymized",
    )
    application: ApplicationMapping | None = optional_key(
        "How an application is read.", {"external_id": "id"}
    )
    files: Files | None = optional_key(
        "How candidates' files are fetched; without it they are not.",
        {"hosts": ["*.s3.amazonaws.com"], "lifetime": "7d"},
    )
    statuses: Statuses = optional_key(
        "How stages become statuses.", {"kinds": {"Offer": "offer"}}, make=Statuses
    )
    writes: Writes = optional_key(
        "How a status change is written.", {"read": {"list": "applications"}}, make=Writes
    )
    analytics: Analytics | None = optional_key(
        "How analytics are delivered; without it they are not.", {"kind": "per_application"}
    )
    webhook: Webhook | None = optional_key("What the vendor announces.", {"event": "action"})
    waivers: dict[Capability, Filled] = optional_key(
        "What this vendor cannot do, and why.",
        {"hire": "The API has no such operation."},
        make=dict,
    )
    tests: list[DefinitionTest] = optional_key(
        "Payloads and what they must become.", [{"name": "a hired one is hired"}], make=list
    )
