"""Whether there is a place for the refresh tokens that an ATS replaces, before anything is started."""

from collections.abc import Iterator, Mapping

from config.encryption_key import HOW_TO_MAKE, SHORTEST, encryption_keys
from config.loading import Loaded
from config.nodes import Path
from config.operator import OperatorConfig
from config.problems import Problem
from config.settings import variable
from connectors.definition import Definition
from connectors.definition.auth import LoginAuth, OAuth2
from connectors.definition.placeholders import names_in

_SETTING = variable("encryption_key")
_NO_PLACE = (
    "the ATS replaces this refresh token when it is used, and there is no place to keep the new one "
    f"over a restart: set {_SETTING} ({HOW_TO_MAKE}) to keep it encrypted in MongoDB, or name a file "
    "with token_file"
)


def check_token_storage(
    loaded: Loaded[OperatorConfig],
    definitions: Mapping[str, Definition],
    environment: Mapping[str, str],
) -> None:
    """Report integrations whose refresh token would be lost, and places that contradict each other."""
    seen: dict[tuple[str, ...], tuple[str, str]] = {}
    wants_key = False
    for name, grant in _grants(loaded, definitions):
        one = loaded.value.integrations[name]
        place = _credential(name, grant)
        if one.token_file is None and one.enabled:
            wants_key = True
            if not _keys(environment):
                loaded.document.error(place, _NO_PLACE)
        _check_one_place(loaded, name, place, seen)
    _check_unused(loaded, {name for name, _ in _grants(loaded, definitions)})
    if wants_key and any(key.is_too_short for key in encryption_keys(_keys(environment))):
        message = f"is too short to protect a refresh token (at least {SHORTEST} characters); {HOW_TO_MAKE}"
        loaded.problems.error(Problem("environment", 0, 0, _SETTING, message))


def _grants(
    loaded: Loaded[OperatorConfig], definitions: Mapping[str, Definition]
) -> Iterator[tuple[str, OAuth2]]:
    """Integrations that spend refresh tokens."""
    for name, one in loaded.value.integrations.items():
        auth = definitions[one.connector].model.auth
        inner = auth.oauth2 if isinstance(auth, LoginAuth) else auth
        if isinstance(inner, OAuth2) and inner.grant == "refresh_token":
            yield name, inner


def _credential(name: str, grant: OAuth2) -> Path:
    for use in names_in(grant.refresh_token or ""):
        return ("integrations", name, *use.name.split(".", maxsplit=1))
    return ("integrations", name)


def _keys(environment: Mapping[str, str]) -> str:
    """The setting, whose name may be written in small letters."""
    return next(
        (value for key, value in environment.items() if key.upper() == _SETTING), ""
    ).strip()


def _check_one_place(
    loaded: Loaded[OperatorConfig],
    name: str,
    place: Path,
    seen: dict[tuple[str, ...], tuple[str, str]],
) -> None:
    """A token that is replaced in one place would be spent in the other."""
    one = loaded.value.integrations[name]
    secret = one.credentials.get(str(place[-1]))
    if secret is None:
        return
    grant = (one.connector, one.endpoint or "", secret.get_secret_value())
    file = str(one.token_file or "")
    other, elsewhere = seen.setdefault(grant, (name, file))
    if elsewhere != file:
        message = (
            f"has the refresh token of {other}, which is kept elsewhere; name the same token_file"
        )
        loaded.document.error(("integrations", name, "token_file"), message)


def _check_unused(loaded: Loaded[OperatorConfig], spending: set[str]) -> None:
    for name, one in loaded.value.integrations.items():
        if one.token_file is not None and name not in spending:
            message = f"{one.connector} has no refresh token: this has no effect"
            loaded.document.warn(("integrations", name, "token_file"), message, on_key=True)
