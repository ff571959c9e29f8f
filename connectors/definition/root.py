"""A whole connector definition: the one source for reading, checking and documenting it."""

from typing import Literal

from pydantic import Field

from config.values import ConfigModel, Filled, Slug
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
    joined: dict[str, object] = Field(
        default_factory=dict,
        description="What the joins bring, by name.",
        examples=[{"stage": {"name": "Offer"}}],
    )
    candidate: dict[str, object] | None = Field(
        default=None,
        description="Fields that the candidate must have; others are not looked at.",
        examples=[{"external_id": "1"}],
    )
    application: dict[str, object] | None = Field(
        default=None,
        description="Fields that the first application must have.",
        examples=[{"status": "hired"}],
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
    credentials: dict[Filled, Credential] = Field(
        default_factory=dict,
        description="Secrets that an integration gives, by the vendor's name for them.",
        examples=[{"api_key": {"description": "API key"}}],
    )
    options: dict[Filled, Option] = Field(
        default_factory=dict,
        description="Other settings that an integration may or must give.",
        examples=[{"subdomain": {"description": "The account's subdomain"}}],
    )
    acting_user: ActingUser | None = Field(
        default=None,
        description="The ATS user in whose name writes are made, where the vendor wants one.",
        examples=[{"needed": "writes", "description": "The id of a user"}],
    )
    limits: Limits = Field(
        default_factory=Limits,
        description="What the vendor allows.",
        examples=[{"budgets": [{"kind": "window", "requests": 50, "per": "10s"}]}],
    )
    errors: Errors = Field(
        default_factory=Errors,
        description="How an answer reports a failure, and what it means.",
        examples=[{"ok_when": "success"}],
    )
    lists: dict[Filled, List] = Field(
        description="The vendor's lists, in the order in which an import walks them.",
        examples=[{"candidates": {"holds": "candidates"}}],
    )
    candidate: CandidateMapping | None = Field(
        default=None, description="How a candidate is read.", examples=[{"external_id": "id"}]
    )
    anonymised: JmesPath | None = Field(
        default=None,
        description="Where a record says that the vendor has removed the person's data. With "
        "`deletions.policy: erase` the candidate is erased then.",
        examples=["isAnonymized"],
    )
    application: ApplicationMapping | None = Field(
        default=None, description="How an application is read.", examples=[{"external_id": "id"}]
    )
    files: Files | None = Field(
        default=None,
        description="How candidates' files are fetched; without it they are not.",
        examples=[{"hosts": ["*.s3.amazonaws.com"], "lifetime": "7d"}],
    )
    statuses: Statuses = Field(
        default_factory=Statuses,
        description="How stages become statuses.",
        examples=[{"kinds": {"Offer": "offer"}}],
    )
    writes: Writes = Field(
        default_factory=Writes,
        description="How a status change is written.",
        examples=[{"read": {"list": "applications"}}],
    )
    analytics: Analytics | None = Field(
        default=None,
        description="How analytics are delivered; without it they are not.",
        examples=[{"kind": "per_application"}],
    )
    webhook: Webhook | None = Field(
        default=None, description="What the vendor announces.", examples=[{"event": "action"}]
    )
    waivers: dict[Capability, Filled] = Field(
        default_factory=dict,
        description="What this vendor cannot do, and why.",
        examples=[{"hire": "The API has no such operation."}],
    )
    tests: list[DefinitionTest] = Field(
        default_factory=list,
        description="Payloads and what they must become.",
        examples=[[{"name": "a hired one is hired"}]],
    )
