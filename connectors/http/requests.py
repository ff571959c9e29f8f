"""Builds requests from a definition: addresses, queries and bodies with their placeholders filled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from yarl import URL

from config.operator import Integration
from connectors.clock import ConnectorClock
from connectors.definition.placeholders import PLACEHOLDER, Values, as_text, fill, fill_text
from connectors.definition.requests import Api, Request
from connectors.definition.root import DefinitionModel
from connectors.http.addresses import next_address
from connectors.http.client import Outgoing
from connectors.http.limiters import RequestClass
from connectors.times import time_zone, write_time


@dataclass(frozen=True, slots=True)
class ConnectorSettings:
    """The settings of an integration, as values of placeholders."""

    values: Mapping[str, str] = field(repr=False)
    clock: ConnectorClock

    def resolver(self, extra: Mapping[str, object] | None = None) -> Values:
        """Looks a placeholder up: first in `extra`, then in the settings."""
        known = extra or {}

        def value(name: str) -> object:
            if name in known:
                return known[name]
            if name == "now":
                return write_time(self.clock.now())
            if name == "today":
                return write_time(self.clock.now(), "date")
            return self.values.get(name)

        return value


def settings_of(
    model: DefinitionModel, integration: Integration, clock: ConnectorClock
) -> ConnectorSettings:
    """Credentials, options with their defaults, and the acting user."""
    values: dict[str, str] = {}
    for name, secret in integration.credentials.items():
        values[f"credentials.{name}"] = secret.get_secret_value()
    for name, option in model.options.items():
        chosen = integration.options.get(name, option.default)
        if chosen is not None:
            values[f"options.{name}"] = chosen
    if integration.acting_user is not None:
        values["acting_user"] = integration.acting_user
    return ConnectorSettings(values, clock)


def base_address(api: Api, endpoint: str | None, values: Values) -> str:
    """The address before every path."""
    base = (endpoint or fill_text(api.base_url, values)).rstrip("/")
    prefix = "/" + (api.prefix or "").strip("/")
    return base if prefix == "/" or base.endswith(prefix) else base + prefix


class Draft(RequestClass, frozen=True, kw_only=True):
    """A request with its placeholders filled, before paging and cursors add to it."""

    method: str
    url: URL
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: Any = None
    form: Mapping[str, str] = msgspec.field(default_factory=dict)

    def outgoing(self) -> Outgoing:
        headers = {"Accept": "application/json", **self.headers}
        body = None
        if self.form:
            body = urlencode(self.form).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        elif self.body is not None:
            body = msgspec.json.encode(self.body)
            headers.setdefault("Content-Type", "application/json")
        return Outgoing(
            self.operation,
            method=self.method,
            url=self.url,
            headers=headers,
            body=body,
            is_write=self.is_write,
            is_urgent=self.is_urgent,
            is_background=self.is_background,
        )


class RequestBuilder:
    """Makes drafts for one integration."""

    def __init__(self, api: Api, endpoint: str | None, settings: ConnectorSettings) -> None:
        values = settings.resolver()
        self._settings = settings
        self.base = base_address(api, endpoint, values)
        self.origin = URL(self.base)
        self._headers = _texts(api.headers, values)
        self._time_zone = api.time_zone

    def zone(self, name: str | None) -> tzinfo:
        """The zone that this text names, or else the API's own; UTC where none is given.

        Raises:
            ValueError: the IANA database has no such zone.
        """
        for text in (name, self._time_zone):
            found = None if text is None else fill(text, self._settings.resolver())
            if isinstance(found, str) and found:
                return time_zone(found)
        return UTC

    def draft(
        self,
        request: Request,
        operation: str,
        extra: Mapping[str, object] | None = None,
        *,
        is_write: bool = False,
        is_urgent: bool = False,
        is_background: bool = False,
    ) -> Draft:
        """The request, filled.

        Raises:
            MissingValue: a placeholder inside a path or longer text has no value.
        """
        values = self._settings.resolver(extra)
        body = fill(request.body, values) if request.body is not None else None
        return Draft(
            operation,
            method=request.method,
            url=self._url(request, values),
            headers=self.headers(request, values),
            body=body,
            form=_texts(request.form, values),
            is_write=is_write,
            is_urgent=is_urgent,
            is_background=is_background,
        )

    def headers(self, request: Request, values: Values | None = None) -> dict[str, str]:
        """The headers of every request, and this one's own."""
        return {**self._headers, **_texts(request.headers, values or self._settings.resolver())}

    def _url(self, request: Request, values: Values) -> URL:
        path = _filled_path(request.path, values).replace("{", "%7B").replace("}", "%7D")
        address = path if "://" in path else self.base + "/" + path.lstrip("/")
        url = URL(address, encoded=True)
        query = _texts(request.query, values)
        return url.update_query(query) if query else url

    def follow(self, address: str, first: Draft, *, keep_origin: bool = False) -> URL:
        """The address of a next page, as it was given; `first` is the request for the first one.

        Raises:
            Misdirected: it is not on the integration's own origin; see `connectors.http.addresses`.
        """
        return next_address(
            address,
            current=first.url,
            origin=self.origin,
            keep_origin=keep_origin,
            operation=first.operation,
        )


def _filled_path(path: str, values: Values) -> str:
    """The path with its values quoted, but for an option in front that is an address itself."""
    first = PLACEHOLDER.match(path)
    address = values(first[1]) if first and first[1].startswith("options.") else None
    if first is None or not isinstance(address, str) or "://" not in address:
        return fill_text(path, values, quote=_quoted)
    return address + fill_text(path[first.end() :], values, quote=_quoted)


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _texts(entries: Mapping[str, str], values: Values) -> dict[str, str]:
    """Text entries; one that is only an unset placeholder is left out."""
    if not entries:
        return {}
    filled: Any = fill(dict(entries), values)
    return {name: as_text(value) for name, value in filled.items()}
