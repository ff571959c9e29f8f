"""What a person reads when the embedded MongoDB cannot run."""

import importlib.util
import json
import platform
import sys
from pathlib import Path

import pytest

from daemon.store.embedded.binary import explain_unloadable, locate_mongod
from daemon.store.embedded.errors import EmbeddedMongoError, Failure, explain, last_words


def a_failure(log: str, *, exit_code: int = 1) -> Failure:
    return Failure(exit_code=exit_code, log=log, dbpath=Path("/var/lib/x"), port=4711)


def a_line(severity: str, msg: str, **attr: object) -> str:
    return json.dumps(
        {"t": {"$date": "2026-01-01T00:00:00Z"}, "s": severity, "msg": msg, "attr": attr}
    )


def fake_ldd(folder: Path, output: str) -> None:
    tool = folder / "ldd"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\n")
    tool.chmod(0o755)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fallocate: No space left on device", "the disk that holds /var/lib/x is full"),
        ("Disk quota exceeded", "the disk that holds /var/lib/x is full"),
        ("SocketException: Address already in use", "port 4711 on 127.0.0.1 is already in use"),
        ("DBPathInUse: Unable to lock", "/var/lib/x is in use by another mongod"),
        ("IllegalOperation: Operation not permitted", "/var/lib/x cannot be written"),
        ("UPGRADE PROBLEM: Found an invalid", "was written by another version"),
        ("WT_PANIC: WiredTiger library panic", "data files in /var/lib/x are damaged"),
        ("Too many open files", "may not open enough files"),
    ],
)
def test_a_known_reason_is_named_with_a_remedy(words: str, expected: str) -> None:
    error = explain(a_failure(a_line("F", "Fatal", error=words)))

    assert expected in str(error)
    assert error.remedy.endswith("ATS_SYNC_MONGODB_URI to a MongoDB replica set of your own.")


def test_words_in_everyday_lines_are_no_reason() -> None:
    error = explain(a_failure(a_line("I", "Setting featureCompatibilityVersion"), exit_code=137))

    assert "exit code 137" in str(error)


def test_an_old_processor_is_recognised_by_how_mongod_died() -> None:
    assert "AVX" in str(explain(a_failure("", exit_code=132)))


def test_an_unknown_reason_quotes_the_last_error_and_points_to_the_log() -> None:
    log = "\n".join([a_line("E", "First"), a_line("F", "Last", error="odd"), a_line("I", "bye")])
    error = explain(a_failure(log, exit_code=14))

    assert "exit code 14" in str(error)
    assert "Last: odd" in str(error)
    assert "/var/lib/x/mongod.log" in error.remedy


def test_words_outside_the_log_format_are_quoted_too() -> None:
    assert last_words("Error parsing command line\n\n") == "Error parsing command line"


def test_silence_is_said_to_be_silence() -> None:
    assert last_words(a_line("I", "all is well")) == "it said nothing"


def test_missing_libraries_are_listed_with_the_packages_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ldd(
        tmp_path,
        "\tlibcurl.so.4 => not found\n\tlibssl.so.3 => not found\n"
        "\tlibcrypto.so.3 => not found\n\tlibm.so.6 => /lib/libm.so.6 (0x1)",
    )
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    error = explain_unloadable(Path("/opt/mongod"), "error while loading shared libraries")

    assert "libcrypto.so.3, libcurl.so.4, libssl.so.3" in str(error)
    assert "libm.so.6" not in str(error)
    assert "apt-get install libcurl4 libssl3" in error.remedy


def test_an_older_c_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_ldd(tmp_path, "/opt/mongod: /lib/libc.so.6: version `GLIBC_2.34' not found")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert "it needs GLIBC_2.34" in str(explain_unloadable(Path("/opt/mongod"), ""))


def test_without_ldd_the_linkers_own_words_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    error = explain_unloadable(
        Path("/opt/mongod"),
        "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file",
    )

    assert "apt-get install libcurl4" in error.remedy


def test_a_binary_for_another_system_asks_for_another_binary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ldd(tmp_path, "not a dynamic executable")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    error = explain_unloadable(Path("/opt/mongod"), "")

    assert "cannot run on this system" in str(error)
    assert "ATS_SYNC_MONGOD" in error.remedy


def test_a_missing_wheel_names_the_extra_and_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(EmbeddedMongoError, match="not installed") as refused:
        locate_mongod()

    assert "pip install 'clearview-ats-sync[embedded]'" in refused.value.remedy
    assert "ATS_SYNC_MONGODB_URI" in refused.value.remedy


@pytest.mark.parametrize(("system", "machine"), [("darwin", "arm64"), ("linux", "aarch64")])
def test_an_unsupported_platform_is_named(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(EmbeddedMongoError, match=f"{machine}, only for Linux x86_64") as refused:
        locate_mongod()

    assert "ATS_SYNC_MONGOD " in refused.value.remedy


def test_a_mongod_on_the_path_is_used_when_the_wheel_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mongod").write_text("#!/bin/sh\n")
    (tmp_path / "mongod").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    assert locate_mongod() == tmp_path / "mongod"


def test_a_configured_binary_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedMongoError, match=f"ATS_SYNC_MONGOD names {tmp_path}/none"):
        locate_mongod(tmp_path / "none")
