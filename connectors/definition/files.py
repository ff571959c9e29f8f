"""The files of candidates: where their addresses come from, and which hosts have them."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.values import ConfigModel, Duration, FileHost, between, optional_key
from connectors.definition.paths import JmesPath
from connectors.definition.requests import Request

FILE_IDS = frozenset({"record_id", "candidate_id", "attachment_id"})
"""The ids of a file that a request may name: its list record's, its candidate's and its own."""


class FileAddressRequest(ConfigModel):
    """The request whose answer names a file's address."""

    request: Request = Field(
        description="The request. `{handle}` is what `candidate.attachments` maps as `handle`; "
        "`{record_id}`, `{candidate_id}` and `{attachment_id}` are the file's ids.",
        examples=[{"post": "/file.info", "body": {"fileHandle": "{handle}"}}],
    )
    at: JmesPath = Field(description="Where the answer has the address.", examples=["results.url"])


class Files(ConfigModel):
    """The fetching of candidates' files.

    A file comes from the address that `candidate.attachments` maps as `url`, unless `request` or
    `address` is given. It is fetched from the API's own origin or from `hosts`, and redirected to
    no other.
    """

    hosts: list[FileHost] = optional_key(
        "The vendor's file hosts: `files.example.com` or `*.example.com`, by https. No "
        "credential is ever sent there.",
        ["*.s3.amazonaws.com"],
        make=list,
    )
    auth: Literal["none", "api"] = optional_key(
        "`api`: a file on the API's own origin is fetched with the API's credential.",
        "api",
        default="none",
    )
    request: Request | None = optional_key(
        "The request that is answered with the file itself, by `{record_id}`, "
        "`{candidate_id}` and `{attachment_id}`; for an API that has no addresses of files.",
        {"get": "/candidates/{candidate_id}/files/{attachment_id}"},
    )
    base64_at: JmesPath | None = optional_key(
        "Where the answer to `request` has the content, for an API that answers in JSON: "
        "it is in base64 there.",
        "File.fileContent",
    )
    address: FileAddressRequest | None = optional_key(
        "For an API that names an address on request only.",
        {"request": {"get": "/files/{attachment_id}"}, "at": "url"},
    )
    lifetime: Annotated[Duration, between("1s", "90d")] | None = optional_key(
        "How long an address is good after its record was read, where the record does "
        "not say so. A staler one is read again before it is used.",
        "7d",
    )

    @model_validator(mode="after")
    def _one_way(self) -> "Files":
        if self.request is not None and self.address is not None:
            raise ValueError("has both `request` and `address`; a file is fetched in one way")
        if self.base64_at is not None and self.request is None:
            raise ValueError("`base64_at` needs `request`: it is in the answer to that")
        if self.request is not None and self.auth == "none":
            raise ValueError("`request` needs `auth: api`: it is sent to the API")
        return self
