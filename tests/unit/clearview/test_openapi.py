"""The published contract of ClearView's services is valid, fresh, and kept by the simulated ones."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from openapi_spec_validator import validate
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import positive_data_acceptance

from connectors.simulator.clearview_messages import Status
from connectors.simulator.clearview_openapi import DOCUMENT, as_yaml, document
from connectors.simulator.clearview_services import ClearViewServices

TOKEN = "contract-token"
UNSAID = {"/analytics/hiring", "/candidates/{id}/attachments/{external_id}"}


def test_the_document_is_valid_openapi() -> None:
    validate(yaml.safe_load(DOCUMENT.read_text()))


def test_the_document_beside_the_code_is_fresh() -> None:
    assert DOCUMENT.read_text() == as_yaml()


def test_the_metrics_count_by_the_statuses_of_applications() -> None:
    metrics = document()["components"]["schemas"]["Metrics"]["properties"]
    transition = metrics["transitions"]["items"]["properties"]
    by_status = [metrics["funnel"]["propertyNames"], metrics["conversion_rates"]["propertyNames"]]

    for statuses in [*by_status, transition["from"], transition["to"]]:
        assert statuses == {"enum": list(get_args(Status))}


def test_every_operation_names_its_problems() -> None:
    for path, methods in document()["paths"].items():
        for operation in methods.values():
            assert {"400", "401", "429", "503"} <= operation["responses"].keys(), path


@contextmanager
def served() -> Iterator[str]:
    """The simulated services on a thread of their own."""
    services = ClearViewServices(token=TOKEN)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(services.start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(services.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as url:
        yield url


schema = schemathesis.openapi.from_dict(document())


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_simulated_services_keep_the_contract(
    case: schemathesis.Case[Any], address: str
) -> None:
    # That a period ends after it starts, and that bytes have their digest, no schema can express.
    unsaid: list[CheckFunction] = [positive_data_acceptance] if case.path in UNSAID else []
    case.call_and_validate(
        base_url=address,
        headers={"Authorization": f"Bearer {TOKEN}"},
        excluded_checks=unsaid,
    )
