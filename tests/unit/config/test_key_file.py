"""The file with the encryption key: for its owner's eyes alone."""

import os
from pathlib import Path

import pytest

from config.key_file import read_key_file
from config.problems import ConfigError
from config.settings import load_settings

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    path.chmod(0o600)
    monkeypatch.setenv("ATS_SYNC_ENCRYPTION_KEY_FILE", str(path))
    return path


@pytest.mark.usefixtures("file")
def test_the_keys_of_the_file_are_used_like_those_of_the_variable() -> None:
    key = load_settings().encryption_key

    assert key is not None
    assert key.get_secret_value() == KEY
    assert KEY not in repr(load_settings())


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o666, 0o620, 0o601])
def test_a_file_that_others_can_read_or_change_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)

    with pytest.raises(ConfigError, match="that others can read") as refused:
        load_settings()
    assert KEY not in str(refused.value)


def test_a_file_of_roots_that_the_platform_gives_to_our_group_is_taken(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("takes root, to make a file of root's")
    file.chmod(0o440)
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    monkeypatch.setattr(os, "getegid", lambda: file.stat().st_gid)

    assert read_key_file(file) == KEY
    file.chmod(0o444)
    with pytest.raises(ValueError, match="others can read"):
        read_key_file(file)


def test_the_variable_and_another_file_are_one_too_many(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATS_SYNC_ENCRYPTION_KEY", "another key of twenty characters")

    with pytest.raises(ConfigError, match="is set beside ATS_SYNC_ENCRYPTION_KEY"):
        load_settings()
    assert file.exists()


@pytest.mark.parametrize("make", ["missing", "folder", "pipe", "empty", "bytes"])
def test_what_is_no_key_file_is_a_mistake(
    file: Path, monkeypatch: pytest.MonkeyPatch, make: str
) -> None:
    path = file.parent / make
    match make:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path, 0o600)
        case "empty":
            path.touch(0o600)
        case "bytes":
            path.touch(0o600)
            path.write_bytes(b"\xff\xfe")
    monkeypatch.setenv("ATS_SYNC_ENCRYPTION_KEY_FILE", str(path))

    with pytest.raises(ConfigError, match="ATS_SYNC_ENCRYPTION_KEY_FILE"):
        load_settings()
