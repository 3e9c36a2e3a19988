"""Where on Earth regions are, and how far apart: for a balancer that picks the nearest.

Pure. A place is known by its own coordinates, else by the name of a city ("London", "London, GB",
"Dallas, TX") or of a cloud's region ("us-south", "eu-west-2", "europe-west2"). A city is taken only when all
that stands after its name fits: London in Ontario is not the one in England. Coordinates are degrees north
and degrees east, of the city's middle; cloud regions are where their operators say that they are, to a city.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Final

Coordinates = tuple[float, float]

EARTH_KM: Final = 6371.0
"""The mean radius. The Earth is flatter at its poles; the nearest region stays the nearest."""

_CITIES: Final = """
    amsterdam      nl netherlands            52.37    4.90
    ashburn        us usa va virginia        39.04  -77.49
    athens         gr greece                 37.98   23.73
    atlanta        us usa ga georgia         33.75  -84.39
    auckland       nz newzealand            -36.85  174.76
    bangalore      in india                  12.97   77.59
    bangkok        th thailand               13.76  100.50
    barcelona      es spain                  41.39    2.17
    beijing        cn china                  39.90  116.41
    berlin         de germany                52.52   13.41
    bogota         co colombia                4.71  -74.07
    boston         us usa ma massachusetts   42.36  -71.06
    brussels       be belgium                50.85    4.35
    bucharest      ro romania                44.43   26.10
    budapest       hu hungary                47.50   19.04
    buenosaires    ar argentina             -34.60  -58.38
    cairo          eg egypt                  30.04   31.24
    calgary        ca canada alberta ab      51.05 -114.07
    capetown       za southafrica           -33.92   18.42
    chennai        in india                  13.08   80.27
    chicago        us usa il illinois        41.88  -87.63
    columbus       us usa oh ohio            39.96  -83.00
    copenhagen     dk denmark                55.68   12.57
    dallas         us usa tx texas           32.78  -96.80
    delhi          in india                  28.61   77.21
    denver         us usa co colorado        39.74 -104.99
    desmoines      us usa ia iowa            41.59  -93.62
    doha           qa qatar                  25.29   51.53
    dubai          ae uae                    25.20   55.27
    dublin         ie ireland                53.35   -6.26
    dusseldorf     de germany                51.23    6.77
    edinburgh      gb uk unitedkingdom scotland  55.95  -3.19
    frankfurt      de germany                50.11    8.68
    geneva         ch switzerland            46.20    6.14
    hamburg        de germany                53.55    9.99
    helsinki       fi finland                60.17   24.94
    hongkong       hk cn china               22.32  114.17
    houston        us usa tx texas           29.76  -95.37
    hyderabad      in india                  17.39   78.49
    istanbul       tr turkey turkiye         41.01   28.98
    jakarta        id indonesia              -6.21  106.85
    johannesburg   za southafrica           -26.20   28.05
    kualalumpur    my malaysia                3.14  101.69
    lagos          ng nigeria                 6.52    3.38
    lasvegas       us usa nv nevada          36.17 -115.14
    lima           pe peru                  -12.05  -77.04
    lisbon         pt portugal               38.72   -9.14
    london         gb uk unitedkingdom england   51.51  -0.13
    losangeles     us usa ca california      34.05 -118.24
    madrid         es spain                  40.42   -3.70
    manchester     gb uk unitedkingdom england   53.48  -2.24
    manila         ph philippines            14.60  120.98
    marseille      fr france                 43.30    5.37
    melbourne      au australia             -37.81  144.96
    mexicocity     mx mexico                 19.43  -99.13
    miami          us usa fl florida         25.76  -80.19
    milan          it italy                  45.46    9.19
    montreal       ca canada quebec qc       45.50  -73.57
    moscow         ru russia                 55.76   37.62
    mumbai         in india                  19.08   72.88
    munich         de germany                48.14   11.58
    nairobi        ke kenya                  -1.29   36.82
    newyork        us usa ny newyork         40.71  -74.01
    osaka          jp japan                  34.69  135.50
    oslo           no norway                 59.91   10.75
    paris          fr france                 48.86    2.35
    perth          au australia             -31.95  115.86
    phoenix        us usa az arizona         33.45 -112.07
    portland       us usa or oregon          45.52 -122.68
    prague         cz czechia czechrepublic  50.08   14.44
    riodejaneiro   br brazil                -22.91  -43.17
    riyadh         sa saudiarabia            24.71   46.68
    rome           it italy                  41.90   12.50
    saltlakecity   us usa ut utah            40.76 -111.89
    sanfrancisco   us usa ca california      37.77 -122.42
    sanjose        us usa ca california      37.34 -121.89
    santiago       cl chile                 -33.45  -70.67
    saopaulo       br brazil                -23.55  -46.63
    seattle        us usa wa washington      47.61 -122.33
    seoul          kr korea southkorea       37.57  126.98
    shanghai       cn china                  31.23  121.47
    singapore      sg                         1.35  103.82
    sofia          bg bulgaria               42.70   23.32
    stockholm      se sweden                 59.33   18.07
    stuttgart      de germany                48.78    9.18
    sydney         au australia             -33.87  151.21
    taipei         tw taiwan                 25.03  121.57
    telaviv        il israel                 32.09   34.78
    tokyo          jp japan                  35.68  139.69
    toronto        ca canada ontario on      43.65  -79.38
    vancouver      ca canada britishcolumbia bc  49.28 -123.12
    vienna         at austria                48.21   16.37
    vilnius        lt lithuania              54.69   25.28
    warsaw         pl poland                 52.23   21.01
    washington     us usa dc                 38.91  -77.04
    zurich         ch switzerland            47.37    8.54
"""
"""City, the countries and states that may stand after it, north, east."""

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

_ROW: Final = re.compile(r"(\w+) +([a-z ]+?) +(-?[\d.]+) +(-?[\d.]+)")


def _cities() -> dict[str, tuple[frozenset[str], Coordinates]]:
    return {
        city: (frozenset(after.split()), (float(north), float(east)))
        for city, after, north, east in _ROW.findall(_CITIES)
    }


CITIES: Final = _cities()
"""By plain name: what may stand after it, and its coordinates."""

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
        return CITIES[cloud][1]
    city, *after = (_plain(part) for part in location.split(","))
    fits, coordinates = CITIES.get(city, (frozenset(), None))
    return coordinates if fits.issuperset(after) else None


def distance_km(one: Coordinates, other: Coordinates) -> float:
    """Along the great circle (the haversine formula, which is exact also for what is near)."""
    north, east = (math.radians(degrees) for degrees in one)
    other_north, other_east = (math.radians(degrees) for degrees in other)
    square = (
        math.sin((other_north - north) / 2) ** 2
        + math.cos(north) * math.cos(other_north) * math.sin((other_east - east) / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, square)))


def _plain(text: str) -> str:
    """Letters only, small, without accents: "São Paulo" is saopaulo."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if letter.isalpha())
