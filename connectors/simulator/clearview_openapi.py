"""The OpenAPI 3.1 document of what the daemon calls at ClearView's services.

The YAML file beside this one is the document. The shapes of its messages come from the classes that
the simulated services check requests with, so it cannot promise what they refuse:
`python -m connectors.simulator.clearview_openapi` writes them into it. All else is written by hand.
"""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from connectors.simulator.clearview_messages import BatchUpsert, Delete, Notification, Result

Json = dict[str, Any]
DOCUMENT = Path(__file__).with_name("clearview_services.openapi.yaml")
REFS = "#/components/schemas/{name}"
BY_HAND = ("Results", "Metrics")
"""The schemas that no class has: the answer to a batch, and the metrics object."""


def document() -> Json:
    """The whole document, its messages as the classes have them now."""
    found: Json = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    components = found["components"]
    messages = (BatchUpsert, Delete, Notification, Result)
    _, schemas = msgspec.json.schema_components(messages, ref_template=REFS)
    by_hand = {name: components["schemas"][name] for name in BY_HAND}
    components["schemas"] = {name: _tidy(schema) for name, schema in schemas.items()} | by_hand
    return found


def _tidy(schema: Any) -> Any:
    """Docstrings and class names are for programmers, not for this document."""
    if isinstance(schema, dict):
        dropped = {"title"} if isinstance(schema.get("title"), str) else set()
        return {key: _tidy(value) for key, value in schema.items() if key not in dropped}
    if isinstance(schema, list):
        return [_tidy(value) for value in schema]
    return schema


def as_yaml() -> str:
    """The document as it is kept beside this file."""
    return yaml.safe_dump(document(), sort_keys=False, width=100)


if __name__ == "__main__":
    DOCUMENT.write_text(as_yaml(), encoding="utf-8")
