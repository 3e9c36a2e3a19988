"""A database is one shard on one node."""

from __future__ import annotations

import requests

from couchgrass.testing.server import ServerProcess


def test_every_database_is_one_shard(couch_server: ServerProcess, db_name: str) -> None:
    url = f"{couch_server.auth_url}/{db_name}"
    requests.put(url).raise_for_status()
    (node,) = requests.get(f"{couch_server.auth_url}/_membership").json()["all_nodes"]
    assert requests.get(f"{url}/_shards").json() == {"shards": {"00000000-ffffffff": [node]}}
    assert requests.get(f"{url}/_shards/any").json() == {"range": "00000000-ffffffff", "nodes": [node]}
    answer = requests.post(f"{url}/_sync_shards")
    assert (answer.status_code, answer.json()) == (202, {"ok": True})
