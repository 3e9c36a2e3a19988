"""The balancer's own numbers in Prometheus' text format. Envoy's are added to them.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from couchgrass.balancer.state import BalancerState, Doing


def text(state: BalancerState) -> bytes:
    """The text."""
    return ("\n".join(_lines(state)) + "\n").encode()


def totals_text(totals: Mapping[str, int]) -> bytes:
    """How many requests each region got."""
    lines = list(_family("requests_total", "counter", "requests sent to a region since Envoy's start"))
    lines += [
        f'couchgrass_balancer_requests_total{{region="{name}"}} {total}' for name, total in totals.items()
    ]
    return ("\n".join(lines) + "\n").encode()


def _lines(state: BalancerState) -> Iterator[str]:
    yield from _family("start_time_seconds", "gauge", "start, in seconds since the Unix epoch")
    yield f"couchgrass_balancer_start_time_seconds {state.started}"
    yield from _family("envoy_up", "gauge", "whether Envoy runs")
    yield f"couchgrass_balancer_envoy_up {int(state.envoy == 'running')}"
    yield from _family("envoy_restarts_total", "counter", "how often Envoy had to be started again")
    yield f"couchgrass_balancer_envoy_restarts_total {state.envoy_restarts}"
    yield from _family("region_state", "gauge", "1 for what a region is to the balancer")
    for name, region in state.regions.items():
        for doing in Doing:
            value = int(region.state is doing)
            yield f'couchgrass_balancer_region_state{{region="{name}",state="{doing.value}"}} {value}'
    for metric, help_text, field in (
        ("region_live", "whether a region says that it can serve", "live"),
        ("region_ready", "whether it says that it has caught up too", "ready"),
        ("region_requests", "requests under way in a region by way of this balancer", "requests"),
        ("region_lag_seconds", "its lag behind its peers, as it says", "lag_s"),
        ("region_since_seconds", "since when its state holds, in seconds since the Unix epoch", "since"),
    ):
        yield from _family(metric, "gauge", help_text)
        for name, region in state.regions.items():
            value = getattr(region, field)
            if value is not None:
                yield f'couchgrass_balancer_{metric}{{region="{name}"}} {float(value)}'


def _family(name: str, kind: str, help_text: str) -> Iterator[str]:
    yield f"# HELP couchgrass_balancer_{name} {help_text}"
    yield f"# TYPE couchgrass_balancer_{name} {kind}"
