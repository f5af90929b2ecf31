"""Cities of the Earth, and how far they are from each other. Ground floor."""

import numpy as np

from companion.validation import check_choice

EARTH_RADIUS = 6371.0  # km, the Earth taken as a sphere
CITIES = {  # degrees north and east
    "europe": {
        "Athens": (37.98, 23.73),
        "Barcelona": (41.39, 2.17),
        "Belgrade": (44.79, 20.45),
        "Berlin": (52.52, 13.41),
        "Copenhagen": (55.68, 12.57),
        "Dublin": (53.35, -6.26),
        "Edinburgh": (55.95, -3.19),
        "Helsinki": (60.17, 24.94),
        "Istanbul": (41.01, 28.98),
        "Kyiv": (50.45, 30.52),
        "Lisbon": (38.72, -9.14),
        "London": (51.51, -0.13),
        "Madrid": (40.42, -3.70),
        "Oslo": (59.91, 10.75),
        "Palermo": (38.12, 13.36),
        "Paris": (48.86, 2.35),
        "Prague": (50.08, 14.44),
        "Reykjavik": (64.15, -21.94),
        "Rome": (41.90, 12.50),
        "Stockholm": (59.33, 18.07),
        "Vienna": (48.21, 16.37),
        "Warsaw": (52.23, 21.01),
    },
    "world": {
        "Auckland": (-36.85, 174.76),
        "Beijing": (39.90, 116.41),
        "Buenos Aires": (-34.60, -58.38),
        "Cairo": (30.04, 31.24),
        "Cape Town": (-33.92, 18.42),
        "Delhi": (28.61, 77.21),
        "Honolulu": (21.31, -157.86),
        "Jakarta": (-6.21, 106.85),
        "Lagos": (6.52, 3.38),
        "Lima": (-12.05, -77.04),
        "London": (51.51, -0.13),
        "Los Angeles": (34.05, -118.24),
        "Mexico City": (19.43, -99.13),
        "Moscow": (55.76, 37.62),
        "Nairobi": (-1.29, 36.82),
        "New York": (40.71, -74.01),
        "Rio": (-22.91, -43.17),
        "Singapore": (1.35, 103.82),
        "Sydney": (-33.87, 151.21),
        "Tokyo": (35.68, 139.69),
    },
}


def cities(region="europe"):
    """Names of 22 cities of Europe or 20 of the world, and where they are (n, 2).

    Positions are degrees north and degrees east.
    """
    places = CITIES[check_choice("region", region, tuple(CITIES))]
    return list(places), np.array(list(places.values()))


def great_circle(degrees):
    """Distances in km (n, n) along the surface of the Earth: the haversine formula.

    `degrees` (n, 2) are degrees north and east.
    """
    north, east = np.radians(degrees).T
    a = np.sin((north[:, None] - north) / 2) ** 2
    a += np.cos(north[:, None]) * np.cos(north) * np.sin((east[:, None] - east) / 2) ** 2
    return 2 * EARTH_RADIUS * np.arcsin(np.sqrt(a.clip(0, 1)))


def flat_chart(degrees):
    """Positions in km east and north (n, 2) on a chart on which a degree is as wide everywhere."""
    north, east = np.asarray(degrees, dtype=float).T
    east = east * np.cos(np.radians(north.mean()))
    return np.column_stack([east, north]) * np.pi / 180 * EARTH_RADIUS
