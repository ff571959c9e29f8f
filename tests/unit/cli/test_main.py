"""The console script, before any command."""

import atexit
import gc
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from daemon import cli
from daemon.cli import process_start as tuning


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
    monkeypatch.setattr(atexit, "register", left.append)
    monkeypatch.setattr("sys.argv", ["ats-sync", "--help"])

    with pytest.raises(SystemExit):
        cli.main()

    assert gc.get_threshold()[0] == tuning.GC_THRESHOLD
    assert left == [gc.freeze]
    assert "validate" in capsys.readouterr().out


PAGES = """
import resource, sys
if sys.argv[1] == "kept":
    from daemon.cli.process_start import keep_memory
    assert keep_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def pages(count):
    for _ in range(count):
        pieces = [bytes(250_000) for _ in range(7)]
        page = b"".join(pieces)
pages(5)
before = faults()
pages(50)
print(faults() - before)
"""


def test_the_memory_of_one_page_serves_the_next() -> None:
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", PAGES, how], text=True))
        for how in ("kept", "as it is")
    }

    assert faults["kept"] * 10 < faults["as it is"]
