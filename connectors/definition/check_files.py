"""Checks of what a definition says about candidates' files."""

from config.checked_document import Document
from connectors.definition.check_placeholders import check_placeholders, settings_names
from connectors.definition.files import FILE_IDS, Files
from connectors.definition.records import NOTHING
from connectors.definition.root import DefinitionModel
from connectors.definition.sources import Each


def check_files(document: Document, model: DefinitionModel) -> None:
    """Report files that could never be found, and requests that name no file."""
    mapped = model.candidate.attachments if model.candidate is not None else NOTHING
    keys = mapped.fields.keys() if isinstance(mapped, Each) else frozenset()
    files = model.files
    if files is None:
        if "handle" in keys:
            message = "is used by `files.address` only, which is not declared"
            document.error(("candidate", "attachments", "handle"), message, on_key=True)
        return
    if "external_id" not in keys:
        message = (
            "needs `candidate.attachments` with `each` and an `external_id`: which file is it?"
        )
        document.error(("files",), message, on_key=True)
    _check_requests(document, model, files)
    asks = files.request is not None or files.address is not None
    if not asks and "url" not in keys:
        message = "needs `candidate.attachments` with a `url`, or else `request` or `address`"
        document.error(("files",), message, on_key=True)
    if "attachments" in model.waivers:
        message = "is waived, but `files` says how they are fetched"
        document.error(("waivers", "attachments"), message, on_key=True)


def _check_requests(document: Document, model: DefinitionModel, files: Files) -> None:
    names = settings_names(model) | FILE_IDS
    if files.request is not None:
        check_placeholders(document, ("files", "request"), files.request.parts(), names)
        # An answer in JSON may be a candidate with its one file.
        enough = FILE_IDS if files.base64_at is not None else {"attachment_id"}
        if not files.request.placeholders & enough:
            document.error(("files", "request"), "needs {attachment_id}: which file to fetch")
    if files.address is not None:
        location, asked = ("files", "address", "request"), files.address.request
        check_placeholders(document, location, asked.parts(), names | {"handle"})
        if not asked.placeholders & {"attachment_id", "handle"}:
            document.error(location, "needs {handle} or {attachment_id}: which file it is")
