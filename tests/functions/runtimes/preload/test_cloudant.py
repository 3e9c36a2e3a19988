"""The preload by itself: what it costs when there is nothing to lead, and how it waits for modules.

That real clients are led is tests/clients/test_led_clients.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from couchgrass.functions.runtimes.preload import cloudant

PRELOAD = Path(cloudant.__file__)
TOLD = ["Acme.cloudant.com=127.0.0.1:4711", "six.cloudant.com=[::1]:4712"]


def after_preload(script: str, told: list[str] | None = TOLD) -> Any:
    """What the script prints, in a bare interpreter in which the preload ran before it."""
    environment = {name: value for name, value in os.environ.items() if name != cloudant.VARIABLE}
    if told is not None:
        environment[cloudant.VARIABLE] = json.dumps(told)
    preload = f"exec(compile(open({str(PRELOAD)!r}).read(), 'p', 'exec'), {{'__name__': 'preload'}})\n"
    command = [sys.executable, "-I", "-S", "-c", preload + "import json, sys, os\n" + script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LOADED = "print(json.dumps([name for name in ('socket', 'ssl') if name in sys.modules]))"


@pytest.mark.parametrize("told", [None, [], TOLD])
def test_it_loads_no_module_that_the_action_may_not_need(told: list[str] | None) -> None:
    assert after_preload(LOADED, told) == []


@pytest.mark.parametrize("told", [None, []])
def test_without_hosts_nothing_is_changed(told: list[str] | None) -> None:
    script = """
import socket, ssl
print(json.dumps([socket.getaddrinfo.__module__, ssl.SSLContext.wrap_bio.__module__, len(sys.meta_path)]))
"""
    assert after_preload(script, told) == ["socket", "ssl", 3]


def test_names_lead_to_the_target_at_the_ports_of_http_only() -> None:
    # What is not led would be looked for in the network: a name that must be an address is not.
    script = """
import socket
def at(host, port, flags=0):
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)[0][4][1]
    except socket.gaierror:
        return None
asked = [("acme.cloudant.com", 443), ("ACME.cloudant.com.", "https"), (b"acme.cloudant.com", 80),
         ("six.cloudant.com", "443"), ("127.0.0.1", 443),
         ("acme.cloudant.com.invalid", 443, socket.AI_NUMERICHOST)]
print(json.dumps([at(*one) for one in asked]))
"""
    assert after_preload(script) == [4711, 4711, 4711, 4712, 443, None]


def test_a_module_that_is_loaded_later_is_changed_and_then_as_it_was() -> None:
    script = """
import ssl, socket
import importlib
print(json.dumps([
    type(ssl.__loader__).__name__, type(ssl.__spec__.loader).__name__, len(sys.meta_path),
    ssl.SSLContext.wrap_bio.__name__, os.environ.get("COUCHGRASS_ACCOUNTS"),
]))
"""
    assert after_preload(script) == ["SourceFileLoader", "SourceFileLoader", 3, "object_of", None]


def test_a_module_that_is_there_already_is_changed_at_once() -> None:
    script = f"""
import ssl
os.environ[{cloudant.VARIABLE!r}] = {json.dumps(TOLD)!r}
exec(compile(open({str(PRELOAD)!r}).read(), 'p', 'exec'), {{'__name__': 'preload'}})
print(json.dumps(ssl.SSLContext.wrap_bio.__name__))
"""
    assert after_preload(script, None) == "object_of"
