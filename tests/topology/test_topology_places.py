"""Names in the folder of `couchgrass up`."""

from __future__ import annotations

from pathlib import PurePath

from couchgrass.topology import places


def test_each_name_is_one_of_its_own_below_the_folder() -> None:
    names = [value for key, value in vars(places).items() if key.isupper()]
    assert len(names) == len(set(names)) > 8
    assert all(PurePath(name).parts == (name,) for name in names)
