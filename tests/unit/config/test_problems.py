"""Problems are shown all at once, sorted, each at its position."""

import pytest

from config.problems import ConfigError, ConfigIssue, ConfigIssues, did_you_mean
from models.errors import UserError


def test_a_problem_is_one_line_with_its_position_and_suggestion() -> None:
    problem = ConfigIssue("a.yaml", 3, 5, "poll.evry", "unknown key", "every")

    assert str(problem) == 'a.yaml:3:5  poll.evry: unknown key (did you mean "every"?)'


def test_a_problem_of_the_whole_file_has_no_path() -> None:
    assert (
        str(ConfigIssue("a.yaml", 1, 1, "", "the file is empty")) == "a.yaml:1:1  the file is empty"
    )


def test_a_problem_outside_files_has_no_line() -> None:
    problem = ConfigIssue("environment", 0, 0, "ATS_SYNC_PORT", "must be a whole number")

    assert str(problem) == "environment  ATS_SYNC_PORT: must be a whole number"


def test_every_problem_is_shown_once_in_file_order_with_a_count() -> None:
    late, early = (
        ConfigIssue("b.yaml", 9, 1, "x", "wrong"),
        ConfigIssue("b.yaml", 2, 1, "y", "wrong"),
    )
    other = ConfigIssue("a.yaml", 20, 1, "z", "wrong")

    error = ConfigError([late, early, other, late])

    assert str(error).splitlines() == [
        "a.yaml:20:1  z: wrong",
        "b.yaml:2:1  y: wrong",
        "b.yaml:9:1  x: wrong",
        "3 problems.",
    ]


def test_a_flood_of_problems_is_cut_and_counted() -> None:
    error = ConfigError([ConfigIssue("a.yaml", n, 1, "x", "wrong") for n in range(1, 1001)])

    assert len(error.problems) == 1000
    assert str(error).splitlines()[-2:] == [
        "a.yaml:200:1  x: wrong",
        "1000 problems, of which the first 200 are shown.",
    ]


def test_a_config_error_is_for_the_user_and_says_what_to_do() -> None:
    error = ConfigError([ConfigIssue("a.yaml", 1, 1, "", "wrong")])

    assert isinstance(error, UserError)
    assert str(error).endswith("\n1 problem.")
    assert "Correct" in error.remedy


def test_warnings_do_not_stop_a_loading() -> None:
    problems = ConfigIssues()
    problems.warnings.append(ConfigIssue("a.yaml", 1, 1, "", "unwise"))

    problems.raise_errors()

    assert [p.message for p in problems.warnings] == ["unwise"]


def test_errors_end_a_loading_together() -> None:
    problems = ConfigIssues()
    problems.errors.append(ConfigIssue("a.yaml", 1, 1, "", "first"))
    problems.errors.append(ConfigIssue("a.yaml", 2, 1, "", "second"))

    with pytest.raises(ConfigError) as caught:
        problems.raise_errors()

    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("evry", "every"),
        ("Sweep-Every", "sweep_every"),
        ("zzz", None),
    ],
)
def test_only_a_close_word_is_suggested(word: str, meant: str | None) -> None:
    assert did_you_mean(word, ["every", "sweep_every", "jitter"]) == meant
