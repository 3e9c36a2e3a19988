"""The global load balancer: Envoy in front of all regions, told by us which of them may serve."""
