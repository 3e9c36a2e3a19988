"""Puts a replicator to a server: the one place where both are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from couchgrass.couch.in_process import AsgiTransport
from couchgrass.docdb.access import ADMIN_ROLE, Right, UserCtx
from couchgrass.docdb.http.app import App
from couchgrass.docdb.http.server import Server
from couchgrass.docdb.http.server_info import NODE_NAME
from couchgrass.docdb.mount import MountPoint
from couchgrass.replication.http.api import Api
from couchgrass.replication.run.documents import Documents
from couchgrass.replication.run.peers import Tls
from couchgrass.replication.run.replicator import KEEPER, Config, Replicator
from couchgrass.replication.run.views import job_view, metrics
from couchgrass.replication.spec import Defaults, Replication, parse
from couchgrass.replication.status import task_row


class Attached:
    """A replicator beside a server."""

    def __init__(self, app: App) -> None:
        server = app.server
        self.replicator = Replicator(
            lambda user: AsgiTransport(app, user), lambda: config_of(server), server.clock
        )
        self.documents = Documents(
            self.replicator,
            AsgiTransport(app, KEEPER),
            user_of,
        )
        api = Api(self.replicator, self.documents, NODE_NAME)
        server.mounts["_replicate"] = MountPoint(api.replicate, Right.SERVER_ADMIN)
        server.mounts["_scheduler"] = MountPoint(api.scheduler, Right.SERVER_ADMIN)
        server.task_sources.append(self._tasks)
        server.metric_sources.append(lambda: metrics(self.replicator))
        server.check_replication = lambda doc: _check(server, doc)

    def _tasks(self) -> Iterable[dict[str, Any]]:
        return [task_row(job_view(job)) for job in self.replicator.running()]

    async def close(self) -> None:
        """Stops the jobs, each after a last checkpoint."""
        await self.documents.close()
        await self.replicator.close()


async def attach(app: App) -> Attached:
    """Begins to replicate."""
    return Attached(app)


def _check(server: Server, doc: Mapping[str, Any]) -> None:
    parse(doc, config_of(server).defaults)


def config_of(server: Server) -> Config:
    """What the server is set to now."""
    setting = server.settings.replicator
    return Config(
        uuid=server.settings.couchdb.uuid,
        defaults=Defaults(
            worker_processes=setting.worker_processes,
            worker_batch_size=setting.worker_batch_size,
            http_connections=setting.http_connections,
            connection_timeout_ms=setting.connection_timeout,
            retries_per_request=setting.retries_per_request,
            checkpoint_interval_ms=setting.checkpoint_interval,
            use_checkpoints=setting.use_checkpoints,
            use_bulk_get=setting.use_bulk_get,
        ),
        tls=Tls(
            verify=setting.verify_ssl_certificates,
            authorities=setting.ssl_trusted_certificates_file,
            certificate=setting.cert_file,
            key=setting.key_file,
        ),
        max_jobs=setting.max_jobs,
        max_churn=setting.max_churn,
        interval_s=setting.interval / 1000,
        history_max=setting.max_history,
        update_docs=setting.update_docs,
    )


def user_of(wanted: Replication) -> UserCtx:
    """As whom a document's job uses databases of this server: its `user_ctx`, else as a server admin.

    Only a server admin can write a document without one: see `docdb.replicator_doc.with_user_ctx`.
    """
    return UserCtx(None, (ADMIN_ROLE,)) if wanted.user_ctx is None else wanted.user_ctx
