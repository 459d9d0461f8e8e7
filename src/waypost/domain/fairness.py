"""How a bounded number of places is shared between those who want them."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def fair_shares(places: int, wanted: Mapping[Key, int], *, held: Mapping[Key, int]) -> dict[Key, int]:
    """
    Share ``places`` so that the least favoured gets as much as possible.

    ``wanted`` says how many each could use now (0 or more), ``held`` how many each occupies already. Those who hold
    less come first: water is filled from the lowest level. Returns only shares above 0; their sum is
    min(places, sum of wanted). Equal claims are served in the mapping's order.
    """
    shares: dict[Key, int] = {}
    left = {key: count for key, count in wanted.items() if count > 0}
    levels = {key: held.get(key, 0) for key in left}
    while places > 0 and left:
        lowest = min(levels.values())
        at_lowest = [key for key in left if levels[key] == lowest]
        above = [level for level in levels.values() if level > lowest]
        rise = min(
            [left[key] for key in at_lowest]
            + [max(1, places // len(at_lowest))]
            + ([min(above) - lowest] if above else [])
        )
        for key in at_lowest:
            granted = min(rise, places)
            if granted == 0:
                break
            shares[key] = shares.get(key, 0) + granted
            places -= granted
            left[key] -= granted
            levels[key] += granted
            if left[key] == 0:
                del left[key], levels[key]
    return shares
