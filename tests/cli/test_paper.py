"""What commands have in common on paper: their end, above all."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

WORK = """
import asyncio, signal, sys, typer
from couchgrass.cli.paper import run
# Whoever started the tests in the background, or by nohup, may have made us ignore these.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv.pop() == "nohup" else signal.SIG_DFL)

async def work():
    try:
        print("begun", flush=True)
        await asyncio.sleep(600)
    finally:
        await asyncio.sleep(0.01)
        print("put back", flush=True)

def command() -> None:
    run("deploy", work())

typer.run(command)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
def test_who_is_told_to_end_puts_back_what_was_begun(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORK, ""], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        said, complained = process.communicate(timeout=60)
        assert said == "put back\n"
        assert "interrupted: run it again" in complained
        assert process.returncode == 130


def test_a_signal_that_is_ignored_stays_so() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORK, "nohup"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60)[0] == "put back\n"
