"""An event as bytes: CloudEvents 1.0 in JSON, structured mode."""

import msgspec
from msgspec.structs import replace

from daemon.core.events import Event
from daemon.runtime.json_values import to_json

CONTENT_TYPE = "application/cloudevents+json"
LARGEST = 1024 * 1024
"""In bytes. A document that would make an event larger is left out."""
_DOCUMENTS = ("candidate", "application")


def encoded(event: Event) -> bytes:
    """Returns the event as JSON. It always has the same bytes."""
    body = msgspec.json.encode(to_json(event.envelope()))
    if len(body) <= LARGEST:
        return body
    left_out = [name for name in _DOCUMENTS if name in event.data]
    data = {name: value for name, value in event.data.items() if name not in left_out}
    return msgspec.json.encode(
        to_json(replace(event, data={**data, "left_out": left_out}).envelope())
    )
