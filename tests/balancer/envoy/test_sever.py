"""Connections of a child, closed from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from couchgrass.balancer.envoy.sever import SeverRefused, sever

CHILD = """
import socket, sys
kept, other = (socket.create_connection(("127.0.0.1", int(port))) for port in sys.argv[1:])
print("connected", flush=True)
print(other.recv(1), flush=True)
kept.sendall(b"still here")
sys.stdin.read()
"""


def test_those_to_one_address_are_closed_and_no_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as kept, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [str(one.getsockname()[1]) for one in (kept, other)]
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, *ports], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            assert child.stdin is not None
            assert child.stdout.readline() == b"connected\n"
            accepted = kept.accept()[0]
            with accepted:
                assert sever(child.pid, {("127.0.0.1", int(ports[1]))}) == 1
                assert child.stdout.readline() == b"b''\n", "it sees an end"
                assert accepted.recv(10) == b"still here"
            child.stdin.close()


def test_a_process_that_is_gone_is_said() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises(SeverRefused):
        sever(child.pid, set())


def test_nothing_is_closed_where_nothing_leads_there() -> None:
    assert sever(os.getpid(), {("192.0.2.1", 9)}) == 0
