"""The functions host of a region: the one place where its parts are put together."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec

from couchgrass.cli.region import gateway_url
from couchgrass.clock import SystemClock
from couchgrass.couch.server import CouchServer
from couchgrass.functions import cloudant
from couchgrass.functions.http.actions import Actions
from couchgrass.functions.http.activations import Activations
from couchgrass.functions.http.app import App
from couchgrass.functions.http.authn import identified
from couchgrass.functions.http.info import About
from couchgrass.functions.http.lookup import Lookup
from couchgrass.functions.http.packages import Packages
from couchgrass.functions.http.rules import Rules
from couchgrass.functions.http.triggers import Triggers
from couchgrass.functions.http.web import WebActions
from couchgrass.functions.kinds import Kinds
from couchgrass.functions.limits import SYSTEM_LIMITS, SystemLimits
from couchgrass.functions.run.alarms import AlarmFeed
from couchgrass.functions.run.changes import ChangesFeed
from couchgrass.functions.run.controller import Controller
from couchgrass.functions.run.door import Door
from couchgrass.functions.run.feeding import Feeding
from couchgrass.functions.run.feeds import FeedDocuments, Feeds
from couchgrass.functions.run.firing import Firing
from couchgrass.functions.run.invoker import Invoker
from couchgrass.functions.run.lease import Lease
from couchgrass.functions.run.sources import Sources
from couchgrass.functions.run.system_code import installed
from couchgrass.functions.runtimes import packages
from couchgrass.functions.runtimes.local import LocalRuntimes
from couchgrass.functions.store.activations import Activations as Records
from couchgrass.functions.store.directory import Directory
from couchgrass.functions.store.entities import Entities
from couchgrass.functions.store.subjects import Subjects
from couchgrass.functions.throttle import Allowed, Throttle
from couchgrass.gateway.http.management import PREFIX as MANAGEMENT
from couchgrass.gateway.http.management import Management
from couchgrass.gateway.store.apis import Apis
from couchgrass.region import places
from couchgrass.region.config import Region
from couchgrass.region.run.account import database_access
from couchgrass.serving.asgi import Answer, Request
