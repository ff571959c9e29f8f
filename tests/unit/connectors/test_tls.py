"""TLS to the outside: certificates and names are verified, with authorities of one's own where named."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from yarl import URL

from config.values import CaFile, ConfigModel
from connectors.errors import Unavailable
from connectors.http.client import AtsHttp, Outgoing
from connectors.http.outbound import OutboundRules


def certificate(folder: Path, name: str, *, address: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate that is its own authority, and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


@asynccontextmanager
async def https(files: tuple[Path, Path], *, oldest: bool = False) -> AsyncIterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    if oldest:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    app = web.Application()
    app.router.add_get("/", _answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def _answer(_: web.Request) -> web.Response:
    return web.json_response({})


async def status_of(url: str, ca_file: Path | None) -> int:
    http = AtsHttp(outbound=OutboundRules(allow_private_networks=True, ca_file=ca_file))
    try:
        return (await http.send(Outgoing("list", method="GET", url=URL(url)), {})).status
    finally:
        await http.close()


async def test_an_authority_of_ones_own_is_accepted_where_it_is_named_and_nowhere_else(
    tmp_path: Path,
) -> None:
    files = certificate(tmp_path, "own")
    async with https(files) as url:
        assert await status_of(url, files[0]) == 200
        with pytest.raises(Unavailable, match=r"certificate of 127\.0\.0\.1 was not accepted"):
            await status_of(url, None)


async def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    files = certificate(tmp_path, "other", address="127.0.0.9")
    async with https(files) as url:
        with pytest.raises(Unavailable, match="was not accepted"):
            await status_of(url, files[0])


async def test_tls_1_2_is_enough(tmp_path: Path) -> None:
    files = certificate(tmp_path, "own")
    async with https(files, oldest=True) as url:
        assert await status_of(url, files[0]) == 200


async def test_a_file_that_was_exchanged_is_read_again(tmp_path: Path) -> None:
    files = certificate(tmp_path, "own")
    async with https(files) as url:
        trusted = tmp_path / "trusted.pem"
        trusted.write_bytes(certificate(tmp_path, "former")[0].read_bytes())
        with pytest.raises(Unavailable):
            await status_of(url, trusted)
        trusted.write_bytes(files[0].read_bytes())

        assert await status_of(url, trusted) == 200


class _Model(ConfigModel):
    file: CaFile


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: Path("ca.pem"), "must be an absolute path"),
        (lambda folder: folder / "missing.pem", "cannot be read: No such file"),
        (lambda folder: folder, "cannot be read: Is a directory"),
        (lambda folder: _written(folder / "empty.pem", ""), "has no certificate"),
        (lambda folder: _written(folder / "text.pem", "no certificate"), "has no certificate"),
    ],
)
def test_a_file_without_a_certificate_is_a_mistake_of_the_operator(
    tmp_path: Path, make: Callable[[Path], Path], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        _Model(file=make(tmp_path))


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
