"""Writes the OpenAPI document beside the guides: `python -m daemon.http.publish`."""

import json
from pathlib import Path

from daemon.http.api import ApiRoutes
from daemon.http.openapi import document
from daemon.http.operations import operations_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def as_json() -> str:
    """Returns the document as it is stored."""
    return json.dumps(document(operations_of(ApiRoutes)), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(as_json())
