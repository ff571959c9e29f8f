"""Finds definitions and makes connectors of them; the one door for the daemon."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib.metadata import entry_points

from config.operator import Integration
from connectors.clock import ConnectorClock, LoopClock
from connectors.connector import Connector, Observer
from connectors.definition import Definition, find_definitions, load_definition
from connectors.definition.auth import Auth, LoginAuth, OAuth2
from connectors.definition.placeholders import names_in, texts_in
from connectors.definition.root import DefinitionModel
from connectors.engine import RestConnector
from connectors.http.auth import Authenticator, static_auth
from connectors.http.client import AtsHttp, Outgoing, TimeOuts
from connectors.http.error_classifier import ErrorClassifier
from connectors.http.login import LoginSessionAuth
from connectors.http.oauth import OAuth2Auth
from connectors.http.outbound import OutboundRules, rules_of
from connectors.http.parts import Parts
from connectors.http.rate_limits import Budget
from connectors.http.requests import ConnectorSettings, RequestBuilder, settings_of
from connectors.http.token_store import InMemoryTokenStore, TokenStore
from connectors.http.transport import Transport
from connectors.read.privacy import hides_names

ENTRY_POINTS = "ats_sync.connectors"
"""Packages may offer `factory(name, integration, definition, **parts) -> Connector` here."""


class SilentObserver:
    """Ignores everything."""

    def request_sent(self, *, integration: str, operation: str) -> None: ...

    def answer_received(
        self, *, integration: str, operation: str, status: int | None, seconds: float
    ) -> None: ...

    def waiting(self, *, integration: str, until: datetime, reason: str) -> None: ...

    def warned(self, *, integration: str, message: str) -> None: ...


@dataclass(slots=True)
class SharedLimits:
    """The rate limits and access tokens that integrations with the same credential share in a process.

    Make one for the whole process and give it to every `create_connector`.
    """

    token_store: TokenStore = field(default_factory=InMemoryTokenStore)
    budgets: dict[str, Budget] = field(default_factory=dict)
    authenticators: dict[str, Authenticator] = field(default_factory=dict)
    """Both by a name of the credential that does not show it."""


def create_connector(
    name: str,
    integration: Integration,
    definition: Definition,
    *,
    observer: Observer | None = None,
    clock: ConnectorClock | None = None,
    shared_limits: SharedLimits | None = None,
    token_store: TokenStore | None = None,
    time_outs: TimeOuts | None = None,
    jitter: Callable[[], float] = random.random,
) -> Connector:
    """The connector that serves this integration. Nothing is sent before it is used.

    `token_store` keeps this integration's tokens elsewhere than those of all others.

    Raises:
        MissingValue: a credential or option that the definition needs is not given; see
            `connectors.integration_checks.check_integrations`, which reports it at its line.
    """
    clock, shared_limits = clock or LoopClock(), shared_limits or SharedLimits()
    model = definition.model
    settings = settings_of(model, integration, clock)
    requests = RequestBuilder(model.api, integration.endpoint, settings)
    http = AtsHttp(time_outs=time_outs, outbound=_outbound(model, integration, requests, settings))
    credential = _credential_key(definition.name, str(requests.origin.origin()), settings)
    # With the limits in the name an edit of them is in force as soon as it is applied.
    shared = f"{credential}|{model.limits!r}"
    budget = shared_limits.budgets.setdefault(shared, Budget(model.limits, clock))
    transport = Transport(
        integration=name,
        origin=requests.origin,
        http=http,
        budget=budget,
        authenticator=_authenticator(
            name,
            model.auth,
            requests,
            settings,
            shared_limits,
            _token_key(credential, model.auth, settings, integration),
            token_store or shared_limits.token_store,
        ),
        classifier=ErrorClassifier(
            # They may name a person, whose name is then not known and cannot be masked.
            model.errors,
            shows_words=not hides_names(integration.privacy),
        ),
        observer=observer or SilentObserver(),
        clock=clock,
        jitter=jitter,
    )
    parts = Parts(name, definition, integration, settings, requests, http, transport, clock)
    factory = hook(definition.name)
    return factory(parts) if factory else RestConnector(parts)


def _outbound(
    model: DefinitionModel,
    integration: Integration,
    requests: RequestBuilder,
    settings: ConnectorSettings,
) -> OutboundRules:
    """Allows the addresses that the operator, or a definition of his own, has literally."""
    texts = [
        str(requests.origin),
        *settings.values.values(),
        *(text for _, text in texts_in(model.auth.model_dump())),
        *integration.attachments.hosts,
    ]
    return rules_of(integration, texts)


def _authenticator(
    name: str,
    auth: Auth,
    requests: RequestBuilder,
    settings: ConnectorSettings,
    shared_limits: SharedLimits,
    key: str,
    store: TokenStore,
) -> Authenticator:
    values, clock = settings.resolver(), settings.clock
    if not isinstance(auth, OAuth2 | LoginAuth):
        return static_auth(auth, values)

    def tokens(oauth2: OAuth2) -> OAuth2Auth:
        return OAuth2Auth(oauth2, values, clock, store=store, integration=name)

    made: Authenticator
    if isinstance(auth, OAuth2):
        made = tokens(auth)
    else:
        login, first = auth.request, tokens(auth.oauth2) if auth.oauth2 else None

        def drafted(extra: Mapping[str, object]) -> Outgoing:
            return requests.draft(login, "token", extra).outgoing()

        made = LoginSessionAuth(auth, drafted, clock, first)
    return shared_limits.authenticators.setdefault(f"{key}|{auth!r}", made)


def _credential_key(connector: str, origin: str, settings: ConnectorSettings) -> str:
    """Names a credential without showing it."""
    secrets = sorted(item for item in settings.values.items() if item[0].startswith("credentials."))
    return sha256(repr((connector, origin, secrets)).encode()).hexdigest()


def _token_key(
    credential: str, auth: Auth, settings: ConnectorSettings, integration: Integration
) -> str:
    """Names what may share access tokens: requested in the same way, and stored together."""
    used = {use.name for use in names_in(auth.model_dump())}
    values = sorted(item for item in settings.values.items() if item[0] in used)
    parts = (credential, values, integration.acting_user, str(integration.token_file))
    return sha256(repr(parts).encode()).hexdigest()


def hook(name: str) -> Callable[[Parts], Connector] | None:
    """A package's own factory for this connector, by entry point."""
    point = next(iter(entry_points(group=ENTRY_POINTS, name=name)), None)
    factory: Callable[[Parts], Connector] | None = point.load() if point is not None else None
    return factory


__all__ = [
    "Definition",
    "SharedLimits",
    "SilentObserver",
    "create_connector",
    "find_definitions",
    "load_definition",
]
