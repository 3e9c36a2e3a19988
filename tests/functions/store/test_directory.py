"""The packages of whisk.system stand in front of a region's entities."""

from __future__ import annotations

import pytest

from couchgrass.errors import Forbidden, NotFound
from couchgrass.functions.entity import Action, Exec, Package
from couchgrass.functions.run.system_code import installed
from couchgrass.functions.system_packages import NAMESPACE
from couchgrass.testing.functions import Region, asking
from couchgrass.testing.server import ServerProcess


def test_the_system_is_read_and_the_rest_is_the_entities(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        directory, namespace = region.directory, region.namespace
        assert directory.package(NAMESPACE, "utils").publish
        assert {package.name for package in directory.packages(NAMESPACE)} == {
            package.name for package in installed().packages
        }
        echo = directory.action(NAMESPACE, "utils", "echo")
        assert echo in directory.actions(NAMESPACE, "utils")
        assert b"def echo" in (await directory.code(echo)).text
        assert not directory.triggers(NAMESPACE)
        assert not directory.rules(NAMESPACE)
        own = await directory.put(Package(namespace, "utils"))
        assert directory.packages(namespace) == [own]
        await directory.delete(own)
        with pytest.raises(NotFound):
            directory.package(namespace, "utils")

    asking(couch_server, work)


def test_nobody_writes_to_the_system(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        directory = region.directory
        with pytest.raises(Forbidden):
            await directory.put(Action(NAMESPACE, "utils", "mine", Exec("python:3")))
        with pytest.raises(Forbidden):
            await directory.delete(directory.package(NAMESPACE, "utils"))

    asking(couch_server, work)
