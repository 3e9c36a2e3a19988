"""Envoy's configuration: the bootstrap, the cluster of all regions, its endpoints, the TLS secret.

Pure: the topology and what was decided in, values out that are Envoy's API v3 as JSON; `text` writes them.
The same input gives the same text. Paths are relative to Envoy's working folder, so no file names a machine's
folder. The side of the clients is in `routes.py`. Envoy watches the files and takes over what is renamed into
their place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from couchgrass.balancer.admission import Mode
from couchgrass.balancer.order import Order
from couchgrass.topology.config import Balancer

Value = dict[str, Any]

BOOTSTRAP, LISTENERS, ROUTES = "envoy.json", "lds.json", "rds.json"
CLUSTERS, ENDPOINTS, SECRETS = "cds.json", "eds.json", "sds.json"
ADMIN_SOCKET: Final = "admin.sock"

CLUSTER: Final = "regions"
SERVED_PAIR: Final = "served"
METADATA: Final = "couchgrass"
"""The endpoint's metadata in which its region's name stands."""

LIVE_PATH: Final = "/_couchgrass/live"

CLIENTS_MAX: Final = 10_000
"""Connections of clients at once. More are refused, before they cost memory."""

HEAP_BYTES_MAX: Final = 2 * 1024**3
UPSTREAM_MAX: Final = 8192
"""Connections to each priority's regions, requests that wait for one, and requests under way."""

RETRIES_AT_ONCE: Final = 1024
"""When a region dies, all that was under way there is retried at the same time. Beyond this number, retries
may be as many as there are requests, so that they at most double what a region gets."""

CONNECT_S: Final = 1.0
IDLE_S: Final = 20.0
"""Gateways close what is idle for 30 s; a request on a connection that is being closed would be lost."""

SAFETY_MISSES: Final = 5
SAFETY_S: Final = 1.0
SAFETY_TIMEOUT_S: Final = 3.0
"""Envoy's own checks are there for a frozen region while the controller is held up, which is the one that
decides. So they are slow to judge, and any answer will do: a region that is not live may have to serve as the
last resort, and refuses by itself what it can't do."""

BUFFER_BYTES: Final = 64 * 1024

_TYPE: Final = "type.googleapis.com/envoy."


class Upstream(msgspec.Struct, frozen=True):
    """Where a region's gateway is: `address` is an IP address. `hostname`: the name to ask it by, "" to leave
    the client's. `is_ours`: it answers /_couchgrass/live."""

    region: str
    address: str
    port: int
    hostname: str = ""
    is_tls: bool = False
    is_ours: bool = True


def typed(name: str, /, **fields: Any) -> Value:
    """A message with its type, as Envoy's `Any` has it."""
    return {"@type": _TYPE + name, **fields}


def extension(name: str, kind: str, /, **fields: Any) -> Value:
    """An extension of Envoy with its configuration."""
    return {"name": name, "typed_config": typed(kind, **fields)}


def seconds(value: float) -> str:
    """A duration."""
    return f"{value:.3f}s"


def from_file(path: str) -> Value:
    """A source of configuration: a file, taken over when another is renamed to its name."""
    return {"path_config_source": {"path": f"./{path}"}, "resource_api_version": "V3"}


def text(value: Value) -> bytes:
    """The file's content."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def discovered(resources: Sequence[Value]) -> Value:
    """A file of resources; its version is a hash of them."""
    version = hashlib.sha256(msgspec.json.encode(resources)).hexdigest()[:12]
    return {"version_info": version, "resources": list(resources)}


def bootstrap() -> Value:
    """What Envoy starts with. Its admin is a socket in a folder that only the owner can enter."""
    monitor = "extensions.resource_monitors."
    return {
        "node": {"id": "couchgrass", "cluster": "couchgrass"},
        "admin": {"address": {"pipe": {"path": ADMIN_SOCKET, "mode": 0o600}}},
        "dynamic_resources": {"lds_config": from_file(LISTENERS), "cds_config": from_file(CLUSTERS)},
        "overload_manager": {
            "refresh_interval": seconds(0.25),
            "resource_monitors": [
                extension(
                    "envoy.resource_monitors.global_downstream_max_connections",
                    f"{monitor}downstream_connections.v3.DownstreamConnectionsConfig",
                    max_active_downstream_connections=CLIENTS_MAX,
                ),
                extension(
                    "envoy.resource_monitors.fixed_heap",
                    f"{monitor}fixed_heap.v3.FixedHeapConfig",
                    max_heap_size_bytes=HEAP_BYTES_MAX,
                ),
            ],
            "actions": [
                _when_full("envoy.overload_actions.shrink_heap", 0.9),
                _when_full("envoy.overload_actions.stop_accepting_requests", 0.97),
            ],
        },
    }


def _when_full(action: str, share: float) -> Value:
    return {
        "name": action,
        "triggers": [{"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": share}}],
    }


def clusters(balancer: Balancer, order: Order, upstreams: Iterable[Upstream], ca_file: str) -> Value:
    """The file with the one cluster. `ca_file`: whom regions' certificates must be signed by."""
    upstreams = tuple(upstreams)
    cluster: Value = typed(
        "config.cluster.v3.Cluster",
        name=CLUSTER,
        type="EDS",
        eds_cluster_config={"eds_config": from_file(ENDPOINTS)},
        connect_timeout=seconds(CONNECT_S),
        per_connection_buffer_limit_bytes=BUFFER_BYTES,
        ignore_health_on_host_removal=True,
        load_balancing_policy={"policies": [{"typed_extension_config": _balance(order)}]},
        common_lb_config={"healthy_panic_threshold": {"value": 0}},
        health_checks=[_health_check(balancer)],
        circuit_breakers={"thresholds": [_limits()]},
        upstream_connection_options={
            "tcp_keepalive": {"keepalive_probes": 3, "keepalive_time": 10, "keepalive_interval": 3}
        },
        typed_extension_protocol_options={
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "extensions.upstreams.http.v3.HttpProtocolOptions",
                common_http_protocol_options={"idle_timeout": seconds(IDLE_S)},
                explicit_http_config={"http_protocol_options": {}},
            )
        },
    )
    if len(order.turns) > 1:
        cluster["outlier_detection"] = _outliers(len(order.turns))
    if any(one.is_tls for one in upstreams):
        cluster["transport_socket_matches"] = [_by_tls(ca_file)]
    return discovered([cluster])


def _balance(order: Order) -> Value:
    """By load, all regions are looked at, since they are few; left to itself Envoy compares two."""
    if order.by_load:
        return extension(
            "envoy.load_balancing_policies.least_request",
            "extensions.load_balancing_policies.least_request.v3.LeastRequest",
            selection_method="FULL_SCAN",
        )
    return extension(
        "envoy.load_balancing_policies.round_robin",
        "extensions.load_balancing_policies.round_robin.v3.RoundRobin",
    )


def _health_check(balancer: Balancer) -> Value:
    soon = seconds(balancer.probe_ms / 1000)
    return {
        "timeout": seconds(SAFETY_TIMEOUT_S),
        "interval": seconds(SAFETY_S),
        "unhealthy_interval": soon,
        "no_traffic_interval": soon,
        "no_traffic_healthy_interval": seconds(SAFETY_S),
        "unhealthy_threshold": SAFETY_MISSES,
        "healthy_threshold": 1,
        "http_health_check": {
            "host": "couchgrass",
            "path": LIVE_PATH,
            "expected_statuses": [{"start": 100, "end": 600}],
        },
    }


def _limits() -> Value:
    return {
        "max_connections": UPSTREAM_MAX,
        "max_pending_requests": UPSTREAM_MAX,
        "max_requests": UPSTREAM_MAX,
        "retry_budget": {
            "budget_percent": {"value": 100},
            "min_retry_concurrency": RETRIES_AT_ONCE,
        },
    }


def _outliers(regions: int) -> Value:
    """A region that can't be connected to is left alone for a moment; never all of them."""
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 5,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "interval": seconds(0.25),
        "base_ejection_time": seconds(0.5),
        "max_ejection_time": seconds(1),
        "max_ejection_percent": 100 * (regions - 1) // regions,
    }


def _by_tls(ca_file: str) -> Value:
    return {
        "name": "tls",
        "match": {"tls": True},
        "transport_socket": extension(
            "envoy.transport_sockets.tls",
            "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            auto_host_sni=True,
            auto_sni_san_validation=True,
            common_tls_context={
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "alpn_protocols": ["http/1.1"],
                "validation_context": {"trusted_ca": {"filename": ca_file}},
            },
        ),
    }


def endpoints(order: Order, upstreams: Iterable[Upstream], modes: Mapping[str, Mode]) -> Value:
    """The file that changes all the time: who may serve. A region whose address is not known is left out."""
    known = {one.region: one for one in upstreams}
    last = 1 + max((turn.priority for turn in order.turns), default=0)
    by_priority: dict[int, list[Value]] = {}
    for turn in order.turns:
        if turn.region in known:
            mode = modes.get(turn.region, Mode.CLOSED)
            endpoint = _endpoint(known[turn.region], turn.weight, mode)
            by_priority.setdefault(last if mode is Mode.RESERVE else turn.priority, []).append(endpoint)
    assignment = typed(
        "config.endpoint.v3.ClusterLoadAssignment",
        cluster_name=CLUSTER,
        endpoints=[
            {"priority": number, "lb_endpoints": found}
            for number, (_, found) in enumerate(sorted(by_priority.items()))
        ],
        # One region that serves takes all of its priority's requests.
        policy={"overprovisioning_factor": 10_000},
    )
    return discovered([assignment])


_HEALTH: Final = {
    Mode.OPEN: "HEALTHY",
    Mode.RESERVE: "HEALTHY",
    Mode.DRAINING: "DRAINING",
    Mode.CLOSED: "UNHEALTHY",
}


def _endpoint(upstream: Upstream, weight: int, mode: Mode) -> Value:
    endpoint: Value = {
        "address": {"socket_address": {"address": upstream.address, "port_value": upstream.port}}
    }
    metadata: Value = {METADATA: {"region": upstream.region}}
    if upstream.hostname:
        endpoint["hostname"] = upstream.hostname
    if not upstream.is_ours:
        endpoint["health_check_config"] = {"disable_active_health_check": True}
    elif upstream.hostname:
        endpoint["health_check_config"] = {"hostname": upstream.hostname}
    if upstream.is_tls:
        metadata["envoy.transport_socket_match"] = {"tls": True}
    return {
        "endpoint": endpoint,
        "health_status": _HEALTH[mode],
        "load_balancing_weight": weight,
        "metadata": {"filter_metadata": metadata},
    }


def secrets(certificate: str, key: str) -> Value:
    """The file with the certificate that is served and its key, as PEM texts."""
    return discovered(
        [
            typed(
                "extensions.transport_sockets.tls.v3.Secret",
                name=SERVED_PAIR,
                tls_certificate={
                    "certificate_chain": {"inline_string": certificate},
                    "private_key": {"inline_string": key},
                },
            )
        ]
    )
