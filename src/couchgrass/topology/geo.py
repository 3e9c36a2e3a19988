"""Where on Earth regions are, and how far apart: for a balancer that picks the nearest.

Pure. A place is known by its own coordinates, else by the name of a city ("London", "London, GB",
"Dallas, TX") or of a cloud's region ("us-south", "eu-west-2", "europe-west2"). A city is taken only when all
that stands after its name fits: London in Ontario is not the one in England. Coordinates are degrees north
and degrees east, of the city's middle; cloud regions are where their operators say that they are, to a city.
"""

from __future__ import annotations

import math
from typing import Final

from couchgrass.topology.cities import CITIES, plain

Coordinates = tuple[float, float]

EARTH_KM: Final = 6371.0
"""The mean radius. The Earth is flatter at its poles; the nearest region stays the nearest."""

_CLOUDS: Final = """
    london=eu-gb,lon,eu-west-2,europe-west2,uksouth,uk-london-1  dallas=us-south,dal
    washington=us-east,wdc  ashburn=us-east-1,us-east4,eastus,eastus2,us-ashburn-1
    frankfurt=eu-de,fra,eu-central-1,europe-west3,germanywestcentral,eu-frankfurt-1
    tokyo=jp-tok,tok,ap-northeast-1,asia-northeast1,japaneast,ap-tokyo-1
    osaka=jp-osa,ap-northeast-3,asia-northeast2,japanwest
    sydney=au-syd,syd,ap-southeast-2,australia-southeast1
    madrid=eu-es,europe-southwest1,spaincentral  toronto=ca-tor,northamerica-northeast2,canadacentral
    montreal=ca-mon,ca-central-1,northamerica-northeast1
    saopaulo=br-sao,sa-east-1,southamerica-east1,brazilsouth
    dublin=eu-west-1,northeurope  paris=eu-west-3,europe-west9,francecentral
    stockholm=eu-north-1,swedencentral  milan=eu-south-1,europe-west8,italynorth
    zurich=eu-central-2,europe-west6,switzerlandnorth  amsterdam=europe-west4,westeurope
    brussels=europe-west1  helsinki=europe-north1  warsaw=europe-central2,polandcentral
    columbus=us-east-2,us-east5  portland=us-west-2,us-west1  sanfrancisco=us-west-1  losangeles=us-west2
    saltlakecity=us-west3  lasvegas=us-west4  desmoines=us-central1,centralus  chicago=northcentralus
    calgary=ca-west-1  singapore=ap-southeast-1,asia-southeast1,southeastasia
    seoul=ap-northeast-2,asia-northeast3,koreacentral  mumbai=ap-south-1,asia-south1  delhi=asia-south2
    hyderabad=ap-south-2  hongkong=ap-east-1,asia-east2,eastasia  jakarta=ap-southeast-3,asia-southeast2
    melbourne=ap-southeast-4,australia-southeast2  capetown=af-south-1  telaviv=il-central-1,me-west1
    johannesburg=africa-south1,southafricanorth  santiago=southamerica-west1  doha=me-central1
"""
"""City, and the names that clouds have for their regions there."""

CLOUDS: Final = {
    name: city
    for city, _, names in (row.partition("=") for row in _CLOUDS.split())
    for name in names.split(",")
}
"""The city of each cloud region."""


def place(location: str) -> Coordinates | None:
    """The coordinates of a location as people write it; None when it is not known."""
    cloud = CLOUDS.get(location.strip().lower())
    if cloud is not None:
        return CITIES[cloud].coordinates
    name, *after = (plain(part) for part in location.split(","))
    city = CITIES.get(name)
    return city.coordinates if city is not None and city.after.issuperset(after) else None


def distance_km(one: Coordinates, other: Coordinates) -> float:
    """Along the great circle (the haversine formula, which is exact also for what is near)."""
    north, east = (math.radians(degrees) for degrees in one)
    other_north, other_east = (math.radians(degrees) for degrees in other)
    square = (
        math.sin((other_north - north) / 2) ** 2
        + math.cos(north) * math.cos(other_north) * math.sin((other_east - east) / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, square)))
