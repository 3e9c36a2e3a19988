"""Cities: where they are, what may stand after their names, and the regions that are named after them.

Pure. Degrees north and degrees east, of the city's middle.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import Final

import msgspec

_TABLE: Final = """
    Amsterdam       nl netherlands                   52.37     4.90
    Ashburn         us usa va virginia               39.04   -77.49
    Athens          gr greece                        37.98    23.73
    Atlanta         us usa ga georgia                33.75   -84.39
    Auckland        nz newzealand                   -36.85   174.76
    Bangalore       in india                         12.97    77.59
    Bangkok         th thailand                      13.76   100.50
    Barcelona       es spain                         41.39     2.17
    Beijing         cn china                         39.90   116.41
    Berlin          de germany                       52.52    13.41
    Bogota          co colombia                       4.71   -74.07
    Boston          us usa ma massachusetts          42.36   -71.06
    Brussels        be belgium                       50.85     4.35
    Bucharest       ro romania                       44.43    26.10
    Budapest        hu hungary                       47.50    19.04
    Buenos Aires    ar argentina                    -34.60   -58.38
    Cairo           eg egypt                         30.04    31.24
    Calgary         ca canada alberta ab             51.05  -114.07
    Cape Town       za southafrica                  -33.92    18.42
    Chennai         in india                         13.08    80.27
    Chicago         us usa il illinois               41.88   -87.63
    Columbus        us usa oh ohio                   39.96   -83.00
    Copenhagen      dk denmark                       55.68    12.57
    Dallas          us usa tx texas                  32.78   -96.80
    Delhi           in india                         28.61    77.21
    Denver          us usa co colorado               39.74  -104.99
    Des Moines      us usa ia iowa                   41.59   -93.62
    Doha            qa qatar                         25.29    51.53
    Dubai           ae uae                           25.20    55.27
    Dublin          ie ireland                       53.35    -6.26
    Dusseldorf      de germany                       51.23     6.77
    Edinburgh       gb uk unitedkingdom scotland     55.95    -3.19
    Frankfurt       de germany                       50.11     8.68
    Geneva          ch switzerland                   46.20     6.14
    Hamburg         de germany                       53.55     9.99
    Helsinki        fi finland                       60.17    24.94
    Hong Kong       hk cn china                      22.32   114.17
    Houston         us usa tx texas                  29.76   -95.37
    Hyderabad       in india                         17.39    78.49
    Istanbul        tr turkey turkiye                41.01    28.98
    Jakarta         id indonesia                     -6.21   106.85
    Johannesburg    za southafrica                  -26.20    28.05
    Kuala Lumpur    my malaysia                       3.14   101.69
    Lagos           ng nigeria                        6.52     3.38
    Las Vegas       us usa nv nevada                 36.17  -115.14
    Lima            pe peru                         -12.05   -77.04
    Lisbon          pt portugal                      38.72    -9.14
    London          gb uk unitedkingdom england      51.51    -0.13
    Los Angeles     us usa ca california             34.05  -118.24
    Madrid          es spain                         40.42    -3.70
    Manchester      gb uk unitedkingdom england      53.48    -2.24
    Manila          ph philippines                   14.60   120.98
    Marseille       fr france                        43.30     5.37
    Melbourne       au australia                    -37.81   144.96
    Mexico City     mx mexico                        19.43   -99.13
    Miami           us usa fl florida                25.76   -80.19
    Milan           it italy                         45.46     9.19
    Montreal        ca canada quebec qc              45.50   -73.57
    Moscow          ru russia                        55.76    37.62
    Mumbai          in india                         19.08    72.88
    Munich          de germany                       48.14    11.58
    Nairobi         ke kenya                         -1.29    36.82
    New York        us usa ny newyork                40.71   -74.01
    Osaka           jp japan                         34.69   135.50
    Oslo            no norway                        59.91    10.75
    Paris           fr france                        48.86     2.35
    Perth           au australia                    -31.95   115.86
    Phoenix         us usa az arizona                33.45  -112.07
    Portland        us usa or oregon                 45.52  -122.68
    Prague          cz czechia czechrepublic         50.08    14.44
    Rio de Janeiro  br brazil                       -22.91   -43.17
    Riyadh          sa saudiarabia                   24.71    46.68
    Rome            it italy                         41.90    12.50
    Salt Lake City  us usa ut utah                   40.76  -111.89
    San Francisco   us usa ca california             37.77  -122.42
    San Jose        us usa ca california             37.34  -121.89
    Santiago        cl chile                        -33.45   -70.67
    São Paulo       br brazil                       -23.55   -46.63
    Seattle         us usa wa washington             47.61  -122.33
    Seoul           kr korea southkorea              37.57   126.98
    Shanghai        cn china                         31.23   121.47
    Singapore       sg                                1.35   103.82
    Sofia           bg bulgaria                      42.70    23.32
    Stockholm       se sweden                        59.33    18.07
    Stuttgart       de germany                       48.78     9.18
    Sydney          au australia                    -33.87   151.21
    Taipei          tw taiwan                        25.03   121.57
    Tel Aviv        il israel                        32.09    34.78
    Tokyo           jp japan                         35.68   139.69
    Toronto         ca canada ontario on             43.65   -79.38
    Vancouver       ca canada britishcolumbia bc     49.28  -123.12
    Vienna          at austria                       48.21    16.37
    Vilnius         lt lithuania                     54.69    25.28
    Warsaw          pl poland                        52.23    21.01
    Washington      us usa dc                        38.91   -77.04
    Zurich          ch switzerland                   47.37     8.54
"""
"""City, the countries and states that may stand after it (the first is its country's code), north, east."""

_ROW: Final = re.compile(r"^ +(\S.*?) {2,}([a-z ]+?) {2,}(-?[\d.]+) +(-?[\d.]+)$", re.MULTILINE)


class City(msgspec.Struct, frozen=True):
    """A city. `location`: as people write it, with its country; `after`: what may stand after its name."""

    name: str
    location: str
    after: frozenset[str]
    coordinates: tuple[float, float]

    @property
    def region(self) -> str:
        """The name of a region there: "new-york"."""
        return _unaccented(self.name).lower().replace(" ", "-")


def plain(text: str) -> str:
    """Letters only, small, without accents: "São Paulo" is saopaulo."""
    return "".join(letter for letter in _unaccented(text.casefold()) if letter.isalpha())


def _unaccented(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _cities() -> dict[str, City]:
    return {
        plain(name): City(
            name,
            f"{name}, {after.partition(' ')[0].upper()}",
            frozenset(after.split()),
            (float(north), float(east)),
        )
        for name, after, north, east in _ROW.findall(_TABLE)
    }


CITIES: Final = _cities()
"""By plain name."""


def city_of(region: str) -> City | None:
    """The city that a region is named after: "new-york", "london-2"."""
    return CITIES.get(plain(region))


def meant(region: str) -> str:
    """The region's name after a city whose name is nearly this one; "" when there is none, or it is one."""
    if city_of(region) is not None:
        return ""
    near = difflib.get_close_matches(plain(region), CITIES, n=1, cutoff=0.8)
    return CITIES[near[0]].region if near else ""
