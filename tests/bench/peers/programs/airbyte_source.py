"""An Airbyte source for the bench's ATS, declared in `airbyte.yaml`, as its builder makes them.

Runs in an environment of its own (`airbyte.lock`), never in the daemon's.
"""

import json
import sys
from pathlib import Path

import yaml
from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.sources.declarative.concurrent_declarative_source import (
    ConcurrentDeclarativeSource,
)

if __name__ == "__main__":
    arguments = sys.argv[1:]
    wanted = AirbyteEntrypoint.parse_args(arguments)
    launch(
        ConcurrentDeclarativeSource(
            catalog=None,
            config=json.loads(Path(wanted.config).read_text()),
            state=None,
            source_config=yaml.safe_load(Path(__file__).with_name("airbyte.yaml").read_text()),
        ),
        arguments,
    )
