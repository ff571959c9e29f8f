"""The console script, before any command."""

import gc
import signal
from collections.abc import Iterator

import pytest

from daemon import cli
from daemon.cli import tuning


@pytest.fixture
def collector() -> Iterator[None]:
    before, on_sigterm = gc.get_threshold(), signal.getsignal(signal.SIGTERM)
    yield
    gc.set_threshold(*before)
    signal.signal(signal.SIGTERM, on_sigterm)


def test_every_command_spares_the_garbage_collector_pages_of_records(
    collector: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left: list[object] = []
    monkeypatch.setattr(tuning.atexit, "register", left.append)
    monkeypatch.setattr("sys.argv", ["ats-sync", "--help"])

    with pytest.raises(SystemExit):
        cli.main()

    assert gc.get_threshold()[0] == tuning.GC_THRESHOLD
    assert left == [gc.freeze]
    assert "validate" in capsys.readouterr().out
