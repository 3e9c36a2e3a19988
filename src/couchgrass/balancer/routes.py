"""Envoy's configuration on the side of the clients: the listener, its routes, what is retried and logged.

Pure; see `render.py`. What decides about a request that failed:

    any request is retried in another region   after no connection, a refused stream, a reset before anything
                                               was sent, an answer that says that nothing was run
    GET, HEAD, OPTIONS, PUT, DELETE            also after a broken answer, and a 500, 502, 503, 504
    any with an Idempotency-Key                the same but a 500: that is an action's own last word, which is
                                               kept, and may not be known yet where it would be run again

No attempt has a time limit of its own: an action may be slow. A region that is silent is noticed by probes;
its connections are then closed, which ends the attempts there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from couchgrass.balancer.order import Order
from couchgrass.balancer.render import (
    BUFFER_BYTES,
    CLUSTER,
    METADATA,
    ROUTES,
    SECRETS,
    SERVED_PAIR,
    Value,
    discovered,
    extension,
    from_file,
    seconds,
    typed,
)
from couchgrass.topology.config import Balancer

NOT_RUN: Final = "x-couchgrass-not-run"
"""A region's answer with it says that nothing was run: any method may be sent again."""

REGION: Final = "x-couchgrass-region"
AFFINITY_COOKIE: Final = "couchgrass-balancer"
ROUTE_CONFIG: Final = "api"

BODY_BYTES: Final = 5 * 1024 * 1024 + BUFFER_BYTES
"""How much of a body is kept for another attempt: more than a gateway takes."""

RETRIES_MAX: Final = 3
CLIENT_IDLE_S: Final = 300.0
HEAD_S: Final = 30.0

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
"""Hosts that are answered for beside the hostname: the balancer's own machine tries it by them."""

SAFE_METHODS: Final = "GET|HEAD|OPTIONS|PUT|DELETE"
_UNSENT: Final = "connect-failure,refused-stream,reset-before-request,retriable-headers"
_BROKEN: Final = f"{_UNSENT},reset,retriable-status-codes"
_KEYED_STATUSES: Final = (502, 503, 504)
_STATUSES: Final = (500, *_KEYED_STATUSES)

_NOT_BELIEVED: Final = (
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-uri",
    "x-forwarded-url",
    "x-real-ip",
)
"""What a client says of where it comes from; and nothing of what steers Envoy is taken from it."""

_LOGGED: Final = {
    "time": "%START_TIME%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "method": "%REQ(:METHOD)%",
    "host": "%REQ(:AUTHORITY)%",
    "path": "%PATH(NQ:PATH)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "region": f"%UPSTREAM_METADATA({METADATA}:region)%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "ms": "%DURATION%",
    "received": "%BYTES_RECEIVED%",
    "sent": "%BYTES_SENT%",
    "flags": "%RESPONSE_FLAGS%",
    "id": "%REQ(X-REQUEST-ID)%",
    "agent": "%REQ(USER-AGENT)%",
}
"""Without the query: keys are passed in it."""


def listeners(balancer: Balancer, port: int, access_log: str) -> Value:
    """The file with the one listener."""
    chain: Value = {"filters": [_connections(balancer, access_log)]}
    if balancer.tls is not None:
        chain["transport_socket"] = extension(
            "envoy.transport_sockets.tls",
            "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            common_tls_context={
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [
                    {"name": SERVED_PAIR, "sds_config": from_file(SECRETS)}
                ],
            },
        )
    address = {"socket_address": {"address": balancer.host, "port_value": port}}
    listener = typed(
        "config.listener.v3.Listener",
        name="clients",
        address=address,
        per_connection_buffer_limit_bytes=BUFFER_BYTES,
        filter_chains=[chain],
    )
    return discovered([listener])


def _connections(balancer: Balancer, access_log: str) -> Value:
    """The paths of requests are left as they come: an action may want to see `//` or `%2F`."""
    return extension(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="clients",
        codec_type="AUTO",
        rds={"route_config_name": ROUTE_CONFIG, "config_source": from_file(ROUTES)},
        use_remote_address=True,
        generate_request_id=False,
        skip_xff_append=True,
        server_header_transformation="PASS_THROUGH",
        normalize_path=False,
        merge_slashes=False,
        path_with_escaped_slashes_action="KEEP_UNCHANGED",
        early_header_mutation_extensions=[
            extension(
                "envoy.http.early_header_mutation.header_mutation",
                "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                mutations=[
                    *({"remove": name} for name in _NOT_BELIEVED),
                    {"remove_on_match": {"key_matcher": {"prefix": "x-envoy-", "ignore_case": True}}},
                ],
            )
        ],
        common_http_protocol_options={"idle_timeout": seconds(CLIENT_IDLE_S)},
        http2_protocol_options={
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 64 * 1024,
            "initial_connection_window_size": 1024 * 1024,
        },
        request_headers_timeout=seconds(HEAD_S),
        stream_idle_timeout=seconds(max(CLIENT_IDLE_S, balancer.request_timeout_s)),
        local_reply_config={
            "body_format": {"json_format": {"status": "%RESPONSE_CODE%", "message": "%LOCAL_REPLY_BODY%"}}
        },
        access_log=[
            extension(
                "envoy.access_loggers.file",
                "extensions.access_loggers.file.v3.FileAccessLog",
                path=access_log,
                log_format={"json_format": _LOGGED},
            )
        ],
        http_filters=[*_affinity(balancer), _router()],
    )


def _router() -> Value:
    return extension(
        "envoy.filters.http.router", "extensions.filters.http.router.v3.Router", suppress_envoy_headers=True
    )


def _affinity(balancer: Balancer) -> list[Value]:
    """A cookie that keeps a client in its region, as long as that serves."""
    if not balancer.affinity:
        return []
    cookie = {
        "name": AFFINITY_COOKIE,
        "path": "/",
        "ttl": f"{balancer.affinity_minutes * 60}s",
        "attributes": [{"name": "SameSite", "value": "Lax"}, {"name": "HttpOnly"}],
    }
    if balancer.tls is not None:
        cookie["attributes"].append({"name": "Secure"})  # type: ignore[attr-defined]
    return [
        extension(
            "envoy.filters.http.stateful_session",
            "extensions.filters.http.stateful_session.v3.StatefulSession",
            session_state=extension(
                "envoy.http.stateful_session.cookie",
                "extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
                cookie=cookie,
            ),
        )
    ]


def routes(balancer: Balancer, order: Order) -> Value:
    """The file with the routes."""
    host = balancer.hostname
    served = {
        "name": "api",
        "domains": list(dict.fromkeys([host.lower(), *LOCAL_NAMES])) if host else ["*"],
        "routes": [
            # What balancers and operators ask a region itself is not the world's.
            {"match": {"prefix": "/_couchgrass/"}, "direct_response": _refusal(404, "Not found.")},
            # Most are GETs, and to compare a word costs less than an expression.
            _route(balancer, order, [_header(":method", {"exact": "GET"})], _STATUSES),
            _route(balancer, order, [_header(":method", {"safe_regex": {"regex": SAFE_METHODS}})], _STATUSES),
            _route(balancer, order, [{"name": "idempotency-key", "present_match": True}], _KEYED_STATUSES),
            _route(balancer, order, [], ()),
        ],
    }
    others = {
        "name": "others",
        "domains": ["*"],
        "routes": [
            {"match": {"prefix": "/"}, "direct_response": _refusal(421, "This host is not served here.")}
        ],
    }
    config = typed(
        "config.route.v3.RouteConfiguration",
        name=ROUTE_CONFIG,
        ignore_port_in_host_matching=True,
        # Left to itself Envoy puts its own address there for a client on the same machine.
        request_headers_to_add=[_set("x-forwarded-for", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")],
        request_headers_to_remove=["x-envoy-external-address", "x-envoy-internal"],
        response_headers_to_remove=[NOT_RUN],
        response_headers_to_add=[_set(REGION, f"%UPSTREAM_METADATA({METADATA}:region)%", "ADD_IF_ABSENT")],
        virtual_hosts=[served, others] if host else [served],
    )
    return discovered([config])


def _set(name: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> Value:
    return {"header": {"key": name, "value": value}, "append_action": action}


def _refusal(status: int, message: str) -> Value:
    return {"status": status, "body": {"inline_string": message}}


def _header(name: str, match: Value) -> Value:
    return {"name": name, "string_match": match}


def _route(balancer: Balancer, order: Order, headers: list[Value], statuses: Sequence[int]) -> Value:
    """`statuses` are those after which a request is sent again; none: not after a broken answer either."""
    match: Value = {"prefix": "/"}
    if headers:
        match["headers"] = headers
    return {
        "match": match,
        "request_body_buffer_limit": BODY_BYTES,
        "route": {
            "cluster": CLUSTER,
            "timeout": seconds(balancer.request_timeout_s),
            # Only for a region that is asked by its own name: see Upstream.hostname.
            "auto_host_rewrite": True,
            "append_x_forwarded_host": True,
            "retry_policy": _retries(order, statuses),
        },
    }


def _retries(order: Order, statuses: Sequence[int]) -> Value:
    regions = len(order.turns)
    policy: dict[str, Any] = {
        "retry_on": _BROKEN if statuses else _UNSENT,
        "num_retries": max(1, min(regions - 1, RETRIES_MAX)),
        "retriable_headers": [{"name": NOT_RUN, "present_match": True}],
        "retry_host_predicate": [
            extension(
                "envoy.retry_host_predicates.previous_hosts",
                "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            )
        ],
        "host_selection_retry_max_attempts": 10,
        "retry_back_off": {"base_interval": seconds(0.005), "max_interval": seconds(0.05)},
    }
    if statuses:
        policy["retriable_status_codes"] = list(statuses)
    if len({turn.priority for turn in order.turns}) > 1:
        policy["retry_priority"] = extension(
            "envoy.retry_priorities.previous_priorities",
            "extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
            update_frequency=1,
        )
    return policy
