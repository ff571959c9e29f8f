"""A MongoDB URI is checked without connecting, and no message shows any part of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo import common
from pymongo.errors import ConfigurationError
from pymongo.uri_parser_shared import _validate_uri

from config.mongodb_uri import overruled_options, uri_problems
from config.mongodb_uri_options import BY_FOLDED, KINDS

pytestmark = pytest.mark.fuzz("YAML")

SECRET = "c4nary"

GOOD = [
    "mongodb://host",
    "mongodb://a,b,c/?replicaSet=rs0",
    "mongodb://a:27017,b:27018/ats?replicaSet=rs0&w=majority",
    "mongodb://user:p%40ss@host/?authSource=admin&tls=true",
    "mongodb://[::1]:27017/?replicaSet=rs0",
    "mongodb://%2Ftmp%2Fmongodb-27017.sock",
    "mongodb+srv://user:pass@cluster.example.com/?retryWrites=true&w=majority",
    "mongodb://host/?REPLICASET=rs0;readPreference=secondary",
    "mongodb://h/?readPreference=secondary&readPreferenceTags=dc:ny&readPreferenceTags=",
]


@pytest.mark.parametrize("uri", GOOD)
def test_a_uri_that_the_driver_takes_has_no_problem(uri: str) -> None:
    _validate_uri(uri, validate=True, warn=False)

    assert uri_problems(uri) == []


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("http://host", "must start with mongodb:// or mongodb+srv://"),
        ("mongodb://host/?replicaSet=rs0\n", "has a blank or a line break"),
        (f"mongodb://user:{SECRET}@x@host", "the user or the password is not encoded"),
        (f"mongodb://user:{SECRET}%@host", "the user or the password is not encoded"),
        (f"mongodb://user:{SECRET}/x@host/db", "the host has a port that is no number"),
        (f"mongodb://user:12/{SECRET}@host", "the database after the hosts has a character"),
        (f"mongodb://user:12?{SECRET}@host/db", "option 1 is not written name=value"),
        (f"mongodb://user:12?{SECRET}@host=db", "option 1 has a name that MongoDB's drivers"),
        (f"mongodb://:{SECRET}@host", "the user has no name"),
        ("mongodb://host:0", "a port that is not between 1 and 65535"),
        ("mongodb://host:99999", "a port that is not between 1 and 65535"),
        ("mongodb://a,,b", "host 2 is empty"),
        ("mongodb://", "the host is empty"),
        ("mongodb://a..b/", "a part that is empty or longer than 63 characters"),
        (f"mongodb://a,{'b' * 64}.example/", "host 2 has a name with a part that is empty or"),
        ("mongodb+srv://.cluster.example/", "a part that is empty or longer than 63 characters"),
        ("mongodb://[::1", "is no IPv6 address in brackets"),
        ("mongodb+srv://host:27017", "has a port, which mongodb+srv:// does not take"),
        ("mongodb+srv://a,b", "takes exactly one host"),
        ("mongodb://h/?readPreferance=primary", "did you mean readPreference?"),
        ("mongodb://h/?replicaset=a&replicaSet=b", "replicaSet is given twice"),
        ("mongodb://h/?retryWrites=yes", "retryWrites must be true or false"),
        ("mongodb://h/?maxPoolSize=many", "maxPoolSize must be a whole number"),
        ("mongodb://h/?connectTimeoutMS=-5", "connectTimeoutMS must be a number, not below 0"),
        ("mongodb://h/?readPreference=master", "readPreference must be one of primary, "),
        ("mongodb://h/?authMechanism=MD5", "authMechanism must be one of DEFAULT, "),
        ("mongodb://h/?replicaSet=", "replicaSet is empty"),
        ("mongodb://h/?tlsCAFile=/nowhere/ca.pem", "tlsCAFile names a file that cannot be read"),
        ("mongodb://h/?tlsCAFile=/dev/zero", "tlsCAFile names a file that cannot be read"),
        ("mongodb://h/?tls=true&ssl=false", "ssl and tls say different things"),
        ("mongodb://h/?a=b;c=d&e=f", "options are separated by & or by ;"),
        ("mongodb://h/?srvServiceName=x", "srvServiceName is for mongodb+srv:// only"),
    ],
)
def test_a_mistake_is_named_and_not_quoted(uri: str, problem: str) -> None:
    found = "; ".join(uri_problems(uri))

    assert problem in found
    assert SECRET not in found


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("tlsInsecure=true", "tlsInsecure"),
        ("tlsAllowInvalidCertificates=true", "tlsAllowInvalidCertificates"),
        ("tlsAllowInvalidHostnames=true", "tlsAllowInvalidHostnames"),
        ("maxPoolSize=1", "maxPoolSize below 10"),
    ],
)
def test_an_option_that_would_break_a_promise_is_refused_by_name(options: str, name: str) -> None:
    [problem] = uri_problems(f"mongodb://host/?{options}")

    assert problem.startswith(f"{name} is refused: ")


def test_a_connection_to_one_of_several_members_is_refused_by_name() -> None:
    [problem] = uri_problems("mongodb://a,b/?directConnection=true")

    assert problem.startswith("directConnection is refused")


def test_options_that_the_daemon_does_not_follow_are_named() -> None:
    uri = "mongodb://h/?readPreference=secondaryPreferred&w=1&retryWrites=false&appName=x"

    assert list(overruled_options(uri)) == ["readPreference", "w", "retryWrites"]
    assert overruled_options("mongodb://h/?readPreference=primary&w=majority") == {}


def test_every_option_of_the_driver_is_known() -> None:
    python_only = {"driver", "server_api"}

    assert set(common.URI_OPTIONS_VALIDATOR_MAP) - python_only <= set(BY_FOLDED)
    assert set(BY_FOLDED) <= set(common.URI_OPTIONS_VALIDATOR_MAP)


def test_a_file_that_can_be_read_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")

    assert uri_problems(f"mongodb://h/?tls=true&tlsCAFile={tmp_path}/ca.pem") == []


words = st.text("abcXYZ019:@/?&=;%,[]. ~é\n", max_size=12)
options = st.lists(
    st.tuples(
        st.sampled_from(sorted(BY_FOLDED)) | words,
        st.sampled_from(["true", "false", "1", "-1", "0", "primary", "majority"]) | words,
    ),
    max_size=3,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))


@given(
    scheme=st.sampled_from(["mongodb://", "mongodb+srv://"]),
    user=st.just("") | words.map("{}@".format) | words.map("u:{}@".format),
    hosts=st.sampled_from(["host", "a,b", "h:27017", "[::1]:1"]) | words,
    database=st.sampled_from(["", "/", "/db"]) | words.map("/{}".format),
    options=options,
)
def test_whatever_passes_is_taken_by_the_driver(
    scheme: str, user: str, hosts: str, database: str, options: str
) -> None:
    uri = f"{scheme}{user}{hosts}{database}?{options}"
    if uri_problems(uri):
        return
    try:
        _validate_uri(uri, validate=True, warn=False)
    except (ConfigurationError, ValueError, TypeError, KeyError) as error:
        pytest.fail(f"{uri!r}: {error}")


@pytest.mark.parametrize("option", sorted(KINDS))
def test_no_option_takes_a_value_that_the_driver_refuses(option: str) -> None:
    for value in (
        "true",
        "x",
        "0",
        "1",
        "-1",
        "1.5",
        "",
        "a:b",
        "a,b",
        "SERVICE_NAME:a,x",
        "a:b,c:",
    ):
        uri = f"mongodb://h/?{option}={value}"
        if uri_problems(uri):
            continue
        try:
            _validate_uri(uri, validate=True, warn=False)
        except Exception as error:
            pytest.fail(f"{uri!r}: {error!r}")


def test_a_compressor_that_no_driver_has_is_named() -> None:
    assert uri_problems("mongodb://h/?compressors=zlib") == []
    assert uri_problems("mongodb://h/?compressors=zlib,gzip") == [
        "compressors must be some of snappy, zlib, zstd, separated by commas"
    ]


@given(words, words, words)
def test_no_message_shows_a_part_of_the_uri(user: str, host: str, option: str) -> None:
    shown = " ".join(uri_problems(f"mongodb://{user}{SECRET}@{SECRET}{host}/?{option}{SECRET}=1"))

    assert SECRET not in shown
