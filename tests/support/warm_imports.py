"""Imported by the process that others are forked from: every module of the service, and with it the libraries."""

import gc
import importlib
import pkgutil

import pytest  # noqa: F401 - work that a test module defines brings it along

import tests.support.warm  # noqa: F401 - what the forked ones begin with

for _name in ("models", "config", "connectors", "daemon"):
    for _found in pkgutil.walk_packages(importlib.import_module(_name).__path__, f"{_name}."):
        if not _found.name.endswith(".__main__"):
            importlib.import_module(_found.name)
gc.freeze()  # a collection in a forked one would copy the pages of all this
