"""Results of ClearView's service: a record counts as written only if the service says that it was."""

from typing import Any
from uuid import uuid4

import pytest

from daemon.store.http_candidate_orders import ApplicationOrder, CandidateOrder, RecordResults

UNKNOWN = "the service answered with a status that is none of a result"


def read(results: object) -> tuple[RecordResults, CandidateOrder]:
    """What is read of the results for one candidate with one application."""
    application = ApplicationOrder(uuid4(), "a1", {}, is_new=True)
    order = CandidateOrder(uuid4(), uuid4(), "c1", {"first_name": "Ada"}, is_new=True)
    order.applications.append(application)
    found = RecordResults()
    found.read([order], results(order) if callable(results) else results)
    return found, order


@pytest.mark.parametrize(
    "status", ["maybe", "Created", "", None, 7, ["created"], {"status": "created"}]
)
def test_a_status_that_no_result_has_is_a_failure(status: Any) -> None:
    whole, _ = read(lambda order: [{"id": str(order.id), "status": status}])
    part, _ = read(
        lambda order: [
            {
                "id": str(order.id),
                "status": "created",
                "applications": [{"id": str(order.applications[0].id), "status": status}],
            }
        ]
    )

    assert (whole.failed_candidates, whole.failed_applications) == (
        {"c1": UNKNOWN},
        {"a1": UNKNOWN},
    )
    assert (part.failed_candidates, part.failed_applications) == ({}, {"a1": UNKNOWN})


@pytest.mark.parametrize("row", [None, 7, "created", [{"status": "created"}], {}])
def test_a_result_of_no_record_is_none(row: Any) -> None:
    found, _ = read([row])

    assert found.failed_candidates == {"c1": "no result"}


@pytest.mark.parametrize("error", [None, "", 7, {"name": "Ada"}, ["Ada"]])
def test_an_error_that_is_no_text_is_not_quoted(error: Any) -> None:
    found, _ = read(lambda order: [{"id": str(order.id), "status": "failed", "error": error}])

    assert found.failed_candidates == {"c1": "refused"}


@pytest.mark.parametrize("applications", [None, [], {}, "x", [None]])
def test_an_application_without_a_result_is_as_its_candidate_is(applications: Any) -> None:
    found, _ = read(
        lambda order: [{"id": str(order.id), "status": "created", "applications": applications}]
    )

    assert (found.failed_candidates, found.failed_applications) == ({}, {})
