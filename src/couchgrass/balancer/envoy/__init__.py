"""The Envoy process, its files, the probes of the regions, and the loop that decides who serves."""
