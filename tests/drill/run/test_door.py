"""A port that refuses for a while stays ours."""

from __future__ import annotations

import socket

import pytest

from couchgrass.drill.run.door import Door
from couchgrass.serving.listen import Named, StartRefused, bind


def connects(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_it_takes_connections_only_while_it_is_open() -> None:
    door = Door(0)
    for _ in range(2):
        assert not connects(door.port)
        assert door.open() is door.open()
        assert connects(door.port)
        door.shut()
    assert not connects(door.port)
    door.close()


@pytest.mark.parametrize("is_open", [True, False])
def test_nobody_else_gets_the_port(is_open: bool) -> None:
    door = Door(0)
    if is_open:
        door.open()
    with pytest.raises(StartRefused):
        bind("127.0.0.1", door.port)
    with pytest.raises(StartRefused, match="choose another with its key"):
        Door(door.port, Named(port="its key"))
    door.close()
    bind("127.0.0.1", door.port).close()
