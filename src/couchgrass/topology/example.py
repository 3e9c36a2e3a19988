"""A `couchgrass.toml` to begin with: two regions on one machine, and all settings that are not a region's.

Pure. What is shown are the defaults, and with a # examples.
"""

from __future__ import annotations

from typing import Final

EXAMPLE: Final = """\
# Several regions of couchgrass, the same file on all machines: each runs its part of it.
# Paths are relative to this file's folder. No secret stands here: keys name the files that hold them.

# --- The regions, in the order in which failover takes them. Below a region's name stand the settings of
#     `couchgrass region --example`; a name of its own it has by the table.

[regions.london]
location = "London, GB"              # for people, and for policy = "geo": a city, or a cloud's region
# coordinates = [51.5, -0.1]         # degrees north, degrees east: for a place that nobody knows
data = "london"                      # a folder; else it is called as the region
addresses = []                       # where the world reaches this region: ["london.example.org"]
database.port = 5984                 # ports are each region's own when they run on one machine
functions.port = 3233
gateway.port = 3234
agent.port = 3235
dashboard.port = 3236

[regions.dallas]
location = "Dallas, US"
database.port = 5994
functions.port = 3243
gateway.port = 3244
agent.port = 3245
dashboard.port = 3246
# On a machine of its own, how the other regions reach its database, and what they come with:
# database.public_url = "https://couch.dallas.example.org"
# database.credentials = "dallas-couch.json"   # {"name": …, "password": …}, readable by you only
# Instead of what would run here, any CouchDB or Cloudant, and any OpenWhisk with its gateway:
# database.url = "https://couch.example.org"
# functions.url = "https://openwhisk.example.org"
# functions.key = "whisk.json"
# gateway.url = "https://api.example.org"

# --- Databases that the regions keep in step. One that an app makes later is made in the others too.

# [[databases]]
# match = "todos*"                   # a name, or a pattern in which * is any characters
# shape = "mesh"                     # mesh: each from each; ring: from its neighbours; hub: by way of one
# hub = ""                           # the region in the middle of a hub
# source = ""                        # one way: this region is copied from only, the others are its standbys
# regions = []                       # which ones; none: all

# --- Apps, for `couchgrass deploy`.

# [[apps]]
# folder = "todo"                    # has the manifest.yaml
# env_file = ""                      # what the manifest takes from the environment: "local.env"
# namespace = "guest"                # the namespace that it is deployed to
# account = ""                       # the name of its account in each region's database
# regions = []                       # which ones; none: all
# pages = {folder = "todo/web", path = "/"}   # what people see of it, at this path: docs/pages.md

# --- The balancer: one address for all regions.

[balancer]
host = "127.0.0.1"                   # "0.0.0.0" for all the world
port = 8080
metrics_host = "127.0.0.1"           # its state and its metrics, for you only
metrics_port = 8081                  # where they are
hostname = ""                        # the name by which clients know it: "todo.example.org"
data = "balancer"                    # its folder
policy = "failover"                  # or geo, weighted, least-request
location = ""                        # where it stands itself, for geo
# coordinates = [48.9, 2.4]          # the same in degrees
affinity = false                     # a cookie keeps a client in its region as long as that serves
affinity_minutes = 60                # for how long
probe_ms = 250                       # how often each region is asked whether it is ready
probe_timeout_ms = 500               # and how long it may be silent then
request_timeout_s = 70               # how long a request may take
# tls = {certificate = "tls.crt", key = "tls.key"}   # PEM files, read again when they change

[balancer.weights]                   # for weighted: shares of the requests, 1 where nothing is said
# london = 3
"""
