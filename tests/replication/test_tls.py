"""Servers are verified: a certificate that nobody vouches for is refused, unless settings say otherwise."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from couchgrass.replication.run import job

from .pair import Side, pair, until


def self_signed(folder: Path, address: str) -> tuple[Path, Path]:
    """A certificate for an address, vouched for by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's own")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


@asynccontextmanager
async def behind_tls(url: str, certificate: Path, key: Path) -> AsyncIterator[str]:
    """What ends TLS in front of the server at `url`; its own URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    at = urlsplit(url)
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        there = await asyncio.open_connection(at.hostname, at.port)
        try:
            await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))
        finally:
            # Not only closed, for that waits for the other side's word.
            for end in (writer, there[1]):
                end.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        left = set(tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        certificate, key = self_signed(tmp_path, "127.0.0.1")
        await b.put("/db/doc", {})
        async with behind_tls(b.url, certificate, key) as url:
            source = b.at("db").replace(b.url.removeprefix("http://"), url.removeprefix("https://"))
            body = {"source": source.replace("http:", "https:"), "target": "db"}
            status, said = await a.ask("POST", "/_replicate", body)
            assert status == 500 and "its TLS certificate is refused" in said["reason"], said
            assert not await a.has("/db/doc")
            await a.setting("replicator", "ssl_trusted_certificates_file", str(certificate))
            assert (await a.ask("POST", "/_replicate", body))[0] == 200
            assert await a.has("/db/doc")

    pair(tmp_path, work)


def test_a_certificate_of_another_host_is_refused_unless_nothing_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "SERVERS_AGAIN_S", 0.2)

    async def work(a: Side, b: Side) -> None:
        certificate, key = self_signed(tmp_path, "192.0.2.1")
        await a.setting("replicator", "ssl_trusted_certificates_file", str(certificate))
        async with behind_tls(b.url, certificate, key) as url:
            source = b.at("db").replace(b.url.removeprefix("http://"), url.removeprefix("https://"))
            doc = {"source": source.replace("http:", "https:"), "target": "db", "continuous": True}
            await a.put("/_replicator/job", doc)

            async def refused() -> bool:
                return "certificate" in str((await a.row("job")).get("info"))

            await until(refused)
            await a.setting("replicator", "verify_ssl_certificates", "false")
            await b.put("/db/doc", {})
            await until(lambda: a.has("/db/doc"))

    pair(tmp_path, work)
