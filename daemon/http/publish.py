"""Writes the OpenAPI document beside the guides: `python -m daemon.http.publish`."""

import json
from pathlib import Path

from daemon.http.api import ApiRoutes
from daemon.http.openapi import document

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def as_json() -> str:
    """Returns the document as it is stored."""
    return json.dumps(document(ApiRoutes.declared()), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(as_json())
