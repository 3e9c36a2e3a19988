"""A region that comes back without its data."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from couchgrass.testing.call import call
from couchgrass.testing.up import UpProcess
from tests.whole.site import LIMIT_S, command, database, documents, fill, has_all, reading, serving


def test_it_gets_no_request_before_it_has_its_data_and_its_app_again(two: UpProcess) -> None:
    made = fill(two, 40)
    with reading(two.url, has_all(made)) as reader:
        two.until(lambda: reader.regions.get("london", 0) > 0, LIMIT_S)
        hold = two.hold("london", time.time() + 600)
        former = two.kill_region("london")
        two.until(lambda: two.state.processes["london"].phase.value == "resting", LIMIT_S)
        shutil.rmtree(Path(two.region("london").data))
        served = reader.regions["london"]
        hold.unlink()
        two.until_back("london", former)

        two.until(lambda: "couchgrass deploy" in " ".join(two.region_status("london").reasons), LIMIT_S)
        wanted = documents(two, "dallas", "todos")
        two.until(lambda: documents(two, "london", "todos") >= wanted, LIMIT_S)
        assert not two.region_status("london").ready, "it has its data, but nothing that would serve it"
        assert serving(two)["london"] != "serving"
        assert reader.regions["london"] == served

        command(two, "deploy", "--dir", str(two.folder), "--yes")
        two.until(lambda: reader.regions["london"] > served, LIMIT_S)
    assert call(database(two, "london"), "GET", "/todos").status == 200
    two.until(lambda: two.status().well, LIMIT_S)
