"""Pages put into a database as a deploy puts them."""

from __future__ import annotations

from collections.abc import Mapping

from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import Conflict, FileExists
from couchgrass.gateway.site import Site, SiteFile, content_document, digest_of, to_document
from couchgrass.serving.pages import media_type_of

CSP = "default-src 'none'"


def site_of(files: Mapping[str, bytes], where: str = "/") -> Site:
    """A site with these files."""
    found = [SiteFile(name, digest_of(body), len(body), media_type_of(name)) for name, body in files.items()]
    return Site(where, "todo", "guest", CSP, tuple(found))


async def publish(
    server: CouchServer, database: str, files: Mapping[str, bytes], where: str = "/", rev: str = ""
) -> str:
    """The site's new revision."""
    try:
        await server.ask("PUT", path(database))
    except FileExists:
        pass
    for body in files.values():
        document = content_document(where, digest_of(body), body)
        try:
            await server.ask("PUT", path(database, document["_id"]), document)
        except Conflict:
            continue
    document = to_document(site_of(files, where)) | ({"_rev": rev} if rev else {})
    return str((await server.ask("PUT", path(database, document["_id"]), document))["rev"])
