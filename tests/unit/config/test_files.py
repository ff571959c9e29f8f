"""Reading what people name: files, pipes, devices, and what is neither."""

import os
import socket
import threading
from pathlib import Path

import pytest

from config.files import read_limited
from config.problems import ConfigError, ConfigIssues
from config.watch import content_digest
from config.yaml_tree import read_yaml


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 200_000)

    assert read_limited(tmp_path / "file", 3) == b"xxx"
    assert len(read_limited(tmp_path / "file", 10**6)) == 200_000


def test_an_endless_device_is_cut_off_and_an_empty_one_is_empty() -> None:
    assert read_limited(Path("/dev/zero"), 5) == bytes(5)
    assert read_limited(Path("/dev/null"), 5) == b""


def test_a_pipe_is_read_to_its_end(pipe: Path) -> None:
    writing = threading.Thread(target=pipe.write_bytes, args=(b"version: 1\n" * 9_000,))
    writing.start()

    content = read_limited(pipe, 10**6)

    writing.join()
    assert content == b"version: 1\n" * 9_000


def test_a_pipe_without_a_writer_is_given_up(pipe: Path) -> None:
    with pytest.raises(OSError, match="no one writes"):
        read_limited(pipe, 5, patience_s=0.01)


def test_a_pipe_whose_writer_never_ends_is_given_up(pipe: Path) -> None:
    keeps_open = os.open(pipe, os.O_RDWR)
    os.write(keeps_open, b"version: 1\n")
    try:
        with pytest.raises(OSError, match="to its end"):
            read_limited(pipe, 100, patience_s=0.05)
    finally:
        os.close(keeps_open)


def test_the_watch_waits_for_no_pipe_and_reads_no_endless_device(pipe: Path) -> None:
    digests = {content_digest([pipe]), content_digest([pipe]), content_digest([Path("/dev/zero")])}

    assert len(digests) == 2


def test_what_is_no_file_is_a_problem_with_a_reason(
    tmp_path: Path, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.files.read_limited.__kwdefaults__", {"patience_s": 0.01})
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        (tmp_path / "loop").symlink_to("loop")
        said = {}
        for name in ("socket", "loop", "pipe", ".", "absent", "file/inside"):
            with pytest.raises(ConfigError) as refused:
                read_yaml(Path(name), ConfigIssues())
            said[name] = str(refused.value)

    assert "is a directory" in said["."]
    assert "no such file" in said["absent"]
    assert "Too many levels of symbolic links" in said["loop"]
    assert "a pipe that no one writes to its end" in said["pipe"]
    assert "cannot be read" in said["socket"]
