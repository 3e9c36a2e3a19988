"""A region as a deploy reaches it. The command line makes it of the topology."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from couchgrass.couch.server import CouchServer
from couchgrass.deploy.apply.credentials import Account, NamespaceKey, account_of_file, key_of_file


@dataclass(frozen=True, slots=True)
class Place:
    """`couch` is the region's database with the rights of an admin, `database_url` that at which its actions
    reach it. `is_embedded`: it is ours and has accounts. `functions_url` is where the REST API is,
    `agent_url` the agent, "" when that is not known. `key` is that of an OpenWhisk that runs elsewhere.
    `signs_in`: it has the sign-in service; `has_pages`: its gateway is ours and serves pages. `key_file` and
    `account_file` are what commands on this machine made for the region."""

    name: str
    couch: CouchServer
    database_url: str
    functions_url: str
    agent_url: str = ""
    key: NamespaceKey | None = None
    is_embedded: bool = True
    signs_in: bool = False
    has_pages: bool = True
    key_file: Path | None = None
    account_file: Path | None = None

    def known_key(self) -> NamespaceKey | None:
        """The namespace's key that this machine made for the region."""
        return None if self.key_file is None else key_of_file(self.key_file)

    def known_account(self) -> Account | None:
        """The account that this machine made for the region."""
        return None if self.account_file is None else account_of_file(self.account_file)
