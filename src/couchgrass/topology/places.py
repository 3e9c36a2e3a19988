"""Where `couchgrass up` keeps what in its folder.

Pure: names only.

    DIR/couchgrass.toml   the topology; made at the first start, then the user's
    DIR/credentials.json  namespaces' keys and accounts that `deploy` made, the same in all regions
    DIR/up.json           what runs now; DIR/up.lock is held while it runs
    DIR/up.log            what a detached `up` says
    DIR/wires.json        the ports of the wires between regions, and what a drill does to them
    DIR/holds/REGION      a region that must not be started again for now: {"pid": …, "until": …}
    DIR/drills/ID/        a drill that was started from the dashboard, and its report
    DIR/apps/todo/        a copy of the example, when no other app was asked for
    DIR/REGION/           a region's data folder
    DIR/balancer/         the balancer's
"""

from __future__ import annotations

from typing import Final

CONFIG: Final = "couchgrass.toml"
CREDENTIALS: Final = "credentials.json"
UP_STATE: Final = "up.json"
UP_LOCK: Final = "up.lock"
UP_LOG: Final = "up.log"
WIRES: Final = "wires.json"
HOLDS: Final = "holds"
APPS: Final = "apps"
DRILLS: Final = "drills"
DEFAULT_DIR: Final = ".couchgrass"

BALANCER_STATE: Final = "balancer.json"
DRAINED: Final = "drained.json"
"""In the balancer's data folder: what it does now; which regions were drained by hand."""
