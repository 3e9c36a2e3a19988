"""The certificate: read, checked, and read again; served by a real Envoy, which takes a new one over."""

from __future__ import annotations

import datetime
import http.client
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from couchgrass.balancer.envoy.tls import Certificate, read_pair
from couchgrass.serving.listen import StartRefused
from couchgrass.testing.balancer import balancing
from couchgrass.testing.fake_gateway import gateways
from couchgrass.testing.ports import free_ports
from couchgrass.topology.config import Tls

from .conftest import LIMIT_S, until


def write_pair(folder: Path, serial: int, *, password: bytes = b"") -> tuple[Path, Path]:
    """A certificate for localhost with this number, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    files = folder / "cert.pem", folder / "key.pem"
    contents = (
        made.public_bytes(pem),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, lock),
    )
    for file, content in zip(files, contents, strict=True):
        # Another file takes its place: written over, it may keep its length, and its time is a clock's tick.
        beside = file.with_suffix(".new")
        beside.write_bytes(content)
        beside.replace(file)
    return files


def test_a_pair_is_given_once_for_each_change(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path, 1)
    followed = Certificate(Tls(str(certificate), str(key)))
    first = followed.changed()
    assert first is not None
    assert first.key == key.read_text()
    assert first.key not in repr(first)
    assert followed.changed() is None
    write_pair(tmp_path, 2)
    assert followed.changed() not in (None, first)


def test_what_is_no_pair_is_said_once_and_does_not_show_the_key(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path, 1)
    other = tmp_path / "other"
    other.mkdir()
    followed = Certificate(Tls(str(certificate), str(write_pair(other, 2)[1])))
    with pytest.raises(StartRefused, match="no certificate and its key"):
        followed.changed()
    assert followed.changed() is None
    with pytest.raises(StartRefused, match=r"the key of \[balancer.tls\], can't be read"):
        read_pair(certificate, tmp_path / "missing.pem")
    key.write_text("schlüssel", encoding="utf-8")
    with pytest.raises(StartRefused, match="is no PEM"):
        read_pair(certificate, key)
    with pytest.raises(StartRefused, match="has a password"):
        read_pair(*write_pair(tmp_path, 3, password=b"secret"))


def served(port: int, *protocols: str) -> tuple[int, str | None]:
    """(the certificate's number, the protocol that the server picks)."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(list(protocols))
    with context.wrap_socket(socket.socket(), server_hostname="localhost") as connection:
        connection.connect(("127.0.0.1", port))
        shown = connection.getpeercert(binary_form=True)
        assert shown is not None
        return x509.load_der_x509_certificate(shown).serial_number, connection.selected_alpn_protocol()


def test_tls_with_http2_a_new_certificate_and_a_client_that_keeps_its_region(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path, 1)
    ports = dict(zip(("london", "dallas"), free_ports(2), strict=True))
    tls = {"certificate": str(certificate), "key": str(key)}
    with (
        gateways(ports),
        balancing(
            tmp_path, ports, tls=tls, affinity=True, policy="least-request", probe_timeout_ms=5000
        ) as balancer,
    ):
        state = balancer.until_regions(london="serving", dallas="serving")
        assert state.url.startswith("https://")
        port = urlsplit(state.url).port or 0
        assert served(port, "h2", "http/1.1") == (1, "h2")
        assert served(port, "http/1.1") == (1, "http/1.1")

        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=LIMIT_S)
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        cookie = answer.headers["set-cookie"]
        assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=3600"} <= set(cookie.split("; "))
        seen = set()
        for _ in range(10):
            connection.request("GET", "/", headers={"Cookie": cookie.partition(";")[0]})
            again = connection.getresponse()
            again.read()
            seen.add(again.headers["x-couchgrass-region"])
        assert seen == {answer.headers["x-couchgrass-region"]}
        connection.close()

        write_pair(tmp_path, 2)
        until(lambda: served(port, "h2")[0] == 2)
        assert balancer.stop() == 0
        assert balancer.state() is None
