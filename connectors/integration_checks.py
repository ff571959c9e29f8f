"""Checks an integration against the definition of its connector."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import msgspec

from config.cross_checks import DeclaredNames
from config.encryption_key import HOW_TO_MAKE, SHORTEST, encryption_keys
from config.key_file import read_key_file
from config.loading import Loaded
from config.nodes import NodePath
from config.operator import Integration, OperatorConfig
from config.problems import ConfigIssue, did_you_mean
from config.settings import variable
from connectors.definition.auth import LoginAuth, OAuth2
from connectors.definition.check_settings import zone_hint, zone_options
from connectors.definition.header_values import basic_users, sent_in_headers
from connectors.definition.load import Definition
from connectors.definition.paths import checked_path
from connectors.definition.placeholders import names_in
from connectors.definition.root import Capability, DefinitionModel
from connectors.read.privacy import qualified
from connectors.times import time_zone
from models.candidate import APPLICATION_FIELDS, CANDIDATE_FIELDS
from models.field_classes import CLASSES, FIELD_CLASSES, HASHABLE, NEEDED
from models.status import CLOSED, ApplicationStatus

_CUSTOM_FIELD = re.compile(r"(?:candidate|application)\.custom_fields\..+")
SUNSET_NOTICE = timedelta(days=180)
_KEY_SETTING = variable("encryption_key")
_NOT_KEPT = (
    "the ATS replaces this refresh token when it is used, and there is nowhere to keep the new one "
    f"over a restart: set {_KEY_SETTING} ({HOW_TO_MAKE}) to keep it encrypted in MongoDB, or name a file "
    "with token_file"
)
_OWN_FIELDS = {
    "candidate": {*CANDIDATE_FIELDS} - {"external_id", "custom_fields"},
    "application": {*APPLICATION_FIELDS}
    - {"external_id", "candidate_external_id", "job", "stage", "status", "custom_fields"},
}


class IntegrationNote(msgspec.Struct, frozen=True):
    """Something an operator should know that is no mistake."""

    integration: str
    message: str


class _Checker(msgspec.Struct, frozen=True):
    loaded: Loaded[OperatorConfig]
    name: str
    model: DefinitionModel

    @property
    def operator(self) -> Integration:
        return self.loaded.value.integrations[self.name]

    def wrong(
        self, below: NodePath, message: str, *, hint: str | None = None, on_key: bool = False
    ) -> None:
        path: NodePath = ("integrations", self.name, *below)
        self.loaded.document.error(path, message, hint=hint, on_key=on_key)

    def unwise(self, below: NodePath, message: str, *, on_key: bool = False) -> None:
        """Warns of a setting that has no effect, or of a missing one."""
        path: NodePath = ("integrations", self.name, *below)
        self.loaded.document.warn(path, message, on_key=on_key)

    def check(self) -> None:
        self._check_options()
        self._check_address()
        self._check_acting_user()
        self._check_analytics()
        self._check_attachments()
        self._check_statuses()
        self._check_fields()
        self._check_push()
        self._check_privacy()

    def _check_options(self) -> None:
        for name, value in self.operator.options.items():
            option = self.model.options.get(name)
            if option and option.pattern and not re.fullmatch(option.pattern, value):
                self.wrong(("options", name), f"must match the pattern {option.pattern}")
        for name in zone_options(self.model):
            if name not in self.operator.options:
                continue
            try:
                time_zone(self.operator.options[name])
            except ValueError as error:
                hint = zone_hint(self.operator.options[name])
                self.wrong(("options", name), str(error), hint=hint)

    def _check_address(self) -> None:
        """Options that only the base address needs are not needed beside an endpoint."""
        if self.operator.endpoint is not None:
            return
        for use in names_in(self.model.api.base_url):
            part, _, name = use.name.partition(".")
            option = self.model.options.get(name)
            given = self.operator.options.get(name) or (option.default if option else None)
            if part == "options" and not given:
                self.wrong(
                    (), f"needs `options: {{{name}: …}}` or `endpoint`: the address holds it"
                )

    def _check_acting_user(self) -> None:
        acting = self.model.acting_user
        title = self.model.title
        if acting is None and self.operator.acting_user is not None:
            self.unwise(("acting_user",), f"{title} has no use for an acting user")
        writes = self.operator.push.enabled or self.operator.analytics is not None
        needed = acting is not None and acting.needed == "writes"
        if needed and writes and self.operator.acting_user is None:
            message = (
                f"{title} makes no write without a user: no push will be sent; add `acting_user`"
            )
            self.unwise((), message)

    def _check_analytics(self) -> None:
        asked, offered = self.operator.analytics, self.model.analytics
        if asked is not None and offered is None:
            because = self._because("analytics")
            message = f"{self.model.title} takes no analytics{because}; nothing will be exported"
            self.unwise(("analytics",), message, on_key=True)

    def _check_attachments(self) -> None:
        if self.operator.attachments.policy == "download" and self.model.files is None:
            because = self._because("attachments")
            message = f"files of {self.model.title} cannot be fetched{because}"
            self.unwise(("attachments", "policy"), message)

    def _check_statuses(self) -> None:
        stages = self.model.writes.stages
        if stages is None or not stages.fixed or stages.list is not None:
            return
        known = [name for each in stages.fixed for name in (each.name, each.id or each.name)]
        folded = {name.casefold() for name in known}
        for status, names in self.operator.statuses.items():
            for at, name in enumerate(names):
                if name.casefold() not in folded and status not in CLOSED:
                    hint = did_you_mean(name, known)
                    message = f"{self.model.title} has no such stage"
                    self.wrong(("statuses", status.value, at), message, hint=hint)

    def _check_fields(self) -> None:
        for target, path in self.operator.fields.items():
            self._check_target(target)
            self._check_path(("fields", target), path)

    def _check_privacy(self) -> None:
        privacy = self.operator.privacy
        single = {*FIELD_CLASSES} - NEEDED
        for key, names, known in (
            ("drop", privacy.drop, single | {*CLASSES} - {"none"}),
            ("hash", privacy.hash, HASHABLE),
        ):
            for index, name in enumerate(names):
                is_custom = _CUSTOM_FIELD.fullmatch(qualified(name)) is not None
                if name in known or qualified(name) in known or is_custom:
                    continue
                shown = sorted(each.removeprefix("candidate.") for each in known)
                message = f"is no field that privacy.{key} takes; it takes custom_fields.NAME, {', '.join(shown)}"
                self.wrong(("privacy", key, index), message, hint=did_you_mean(name, shown))

    def _check_push(self) -> None:
        """Warns of what a push asks for beside the status, where this ATS cannot take it."""
        push, writes, title = self.operator.push, self.model.writes, self.model.title
        if self.operator.rejection_reasons and writes.reasons is None:
            message = f"{title} has no rejection reasons: this has no effect"
            self.unwise(("rejection_reasons",), message, on_key=True)
        carried = any(map(writes.carries_note, ApplicationStatus))
        if push.note is not None and writes.note is None and not carried:
            message = f"{title} takes no note{self._because('note')}; none will be written"
            self.unwise(("push", "note"), message, on_key=True)
        needs_user = writes.note is not None and writes.note.needs_user
        if push.note is not None and needs_user and self.operator.acting_user is None:
            message = f"{title} takes a note in someone's name only; add `acting_user`"
            self.unwise(("push", "note"), message, on_key=True)
        if push.rejection_email is not None and not writes.takes_email:
            because = self._because("rejection_email")
            message = f"{title} sends no e-mail with a rejection{because}; none will be sent"
            self.unwise(("push", "rejection_email"), message, on_key=True)
        for name, path in push.hired.items():
            self._check_hired_field(name, path)

    def _check_hired_field(self, name: str, path: str) -> None:
        known = self.model.writes.hired_fields
        if name not in known:
            takes = ", ".join(known) or "nothing"
            message = f"{self.model.title} takes no such field with a hire; it takes {takes}"
            hint = did_you_mean(name, known)
            self.wrong(("push", "hired", name), message, hint=hint, on_key=True)
        self._check_path(("push", "hired", name), path)

    def _check_path(self, below: NodePath, path: str) -> None:
        try:
            checked_path(path)
        except ValueError as error:
            self.wrong(below, str(error))

    def _because(self, what: Capability) -> str:
        reason = self.model.waivers.get(what)
        return f": {reason}" if reason else ""

    def _check_target(self, target: str) -> None:
        part, _, name = target.partition(".")
        if part not in _OWN_FIELDS:
            part, name = "candidate", target
        known = _OWN_FIELDS[part]
        if name in known or (name.startswith("custom_fields.") and name != "custom_fields."):
            return
        message = (
            "is no field that can be mapped; write custom_fields.NAME, a candidate's field, "
            "or application.FIELD"
        )
        hint = did_you_mean(name, known)
        self.wrong(("fields", target), message, hint=hint, on_key=True)


def declared_names(definition: Definition) -> DeclaredNames:
    """Returns the names that a definition gives to an integration's settings."""
    model = definition.model
    return DeclaredNames(
        credentials=[name for name, one in model.credentials.items() if one.required],
        optional_credentials=[name for name, one in model.credentials.items() if not one.required],
        options=list(model.options),
        required_options=[
            name for name, one in model.options.items() if one.required and one.default is None
        ],
        in_headers=sorted(sent_in_headers(model)),
        basic_users=sorted(basic_users(model)),
    )


def check_integrations(
    loaded: Loaded[OperatorConfig],
    definitions: Mapping[str, Definition],
    environment: Mapping[str, str],
) -> None:
    """Reports every mistake of integrations that only their definitions can show, at its line.

    `config.cross_checks` reports unknown and missing names of credentials and options.
    """
    for name, integration in loaded.value.integrations.items():
        model = definitions[integration.connector].model
        _Checker(loaded, name, model).check()
    _check_token_storage(loaded, dict(_grants(loaded, definitions)), environment)


def _check_token_storage(
    loaded: Loaded[OperatorConfig], grants: Mapping[str, OAuth2], environment: Mapping[str, str]
) -> None:
    """Reports refresh tokens that would be lost, or that two integrations store separately."""
    key = _encryption_key(environment)
    needs_key = False
    stored: dict[tuple[str, ...], tuple[str, str]] = {}
    for name, grant in grants.items():
        integration = loaded.value.integrations[name]
        uses = [use.name.split(".", maxsplit=1) for use in names_in(grant.refresh_token or "")]
        path: NodePath = ("integrations", name, *(uses[0] if uses else ()))
        if integration.token_file is None and integration.enabled:
            needs_key = True
            if not key:
                loaded.document.error(path, _NOT_KEPT)
        _check_shared_token(loaded, name, path, stored)
    for name, integration in loaded.value.integrations.items():
        if integration.token_file is not None and name not in grants:
            message = f"{integration.connector} has no refresh token: this has no effect"
            loaded.document.warn(("integrations", name, "token_file"), message, on_key=True)
    if needs_key and any(each.is_too_short for each in encryption_keys(key)):
        message = f"is too short to protect a refresh token (at least {SHORTEST} characters); {HOW_TO_MAKE}"
        loaded.problems.errors.append(ConfigIssue("environment", 0, 0, _KEY_SETTING, message))


def _grants(
    loaded: Loaded[OperatorConfig], definitions: Mapping[str, Definition]
) -> Iterator[tuple[str, OAuth2]]:
    """Yields the integrations that spend refresh tokens."""
    for name, integration in loaded.value.integrations.items():
        auth = definitions[integration.connector].model.auth
        inner = auth.oauth2 if isinstance(auth, LoginAuth) else auth
        if isinstance(inner, OAuth2) and inner.grant == "refresh_token":
            yield name, inner


def _encryption_key(environment: Mapping[str, str]) -> str:
    """Returns the setting, whose name may be written in small letters."""
    values = {key.upper(): value.strip() for key, value in environment.items()}
    file = values.get(variable("encryption_key_file"))
    if values.get(_KEY_SETTING) or not file:
        return values.get(_KEY_SETTING, "")
    try:
        return read_key_file(Path(file))
    except ValueError:  # the settings report it
        return ""


def _check_shared_token(
    loaded: Loaded[OperatorConfig],
    name: str,
    path: NodePath,
    stored: dict[tuple[str, ...], tuple[str, str]],
) -> None:
    """Reports a token that is stored twice: one copy would be spent after the other is replaced."""
    integration = loaded.value.integrations[name]
    secret = integration.credentials.get(str(path[-1]))
    if secret is None:
        return
    token = (integration.connector, integration.endpoint or "", secret.get_secret_value())
    file = str(integration.token_file or "")
    other, elsewhere = stored.setdefault(token, (name, file))
    if elsewhere != file:
        message = (
            f"has the refresh token of {other}, which is kept elsewhere; name the same token_file"
        )
        loaded.document.error(("integrations", name, "token_file"), message)


def integration_notes(name: str, definition: Definition, *, today: date) -> list[IntegrationNote]:
    """Returns what this connector cannot do, and which version of the API ends soon."""
    model = definition.model
    notes = [IntegrationNote(name, f"{what}: {why}") for what, why in model.waivers.items()]
    for what, message in _missing(model).items():
        if what not in model.waivers:
            notes.append(IntegrationNote(name, message))
    sunset = model.api.sunset
    if sunset is not None and sunset - today <= SUNSET_NOTICE:
        notes.append(IntegrationNote(name, _sunset(model, sunset, today)))
    return notes


def _missing(model: DefinitionModel) -> dict[str, str]:
    has = model.writes.operations()
    moves_back = "move" in has and "rejected" in has["move"].allowed_from
    lacking = {op: f"{op}: the definition has no such write" for op in ("move", "reject", "hire")
               if op not in has}  # fmt: skip
    if "unreject" not in has and not moves_back:
        lacking["unreject"] = "unreject: the definition has no such write"
    if model.analytics is None:
        lacking["analytics"] = "analytics: the definition has no such operation"
    return lacking


def _sunset(model: DefinitionModel, sunset: date, today: date) -> str:
    version = f" {model.api.version}" if model.api.version else ""
    if sunset <= today:
        return f"the vendor has switched off the API{version} on {sunset}; update the definition"
    days = (sunset - today).days
    return f"the vendor switches off the API{version} on {sunset}, in {days} days"
