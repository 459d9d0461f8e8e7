"""
What upstream says of the price of a message, and what an operator's price list makes of it.

Upstream's statuses name a category and a type and no amount (webhooks reference, Sep 2026), so an amount is known only
from a list that the operator keeps. It is a sum of list prices, never an invoice.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from waypost.domain.value import value

SEPARATOR: Final = "/"
_WORD_CHARACTERS_MAX: Final = 64
_FREE: Final = "free_"
_PRICE_MAX: Final = Decimal(1_000_000)
_ONE_DIGIT: Final = frozenset("17")
_TWO_DIGITS: Final = frozenset(
    (
        *("20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49"),
        *("51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84"),
        *("86", "90", "91", "92", "93", "94", "95", "98"),
    )
)
"""Assigned country codes of one and two digits; all others have three (ITU-T E.164, list of assigned codes)."""


@value
class Pricing:
    """Category and type in upstream's words, and whether it is billed; ``is_billable`` None: upstream did not say."""

    category: str
    type: str
    is_billable: bool | None

    @property
    def is_free(self) -> bool:
        """Whether it costs nothing; types other than ``regular`` begin with ``free_``."""
        return self.type.startswith(_FREE) or self.is_billable is False


def pricing_text(category: str, type_: str, *, is_billable: bool | None) -> str:
    """Return ``category/type/billable`` as it is kept: words cut to 64 characters, ``""`` for what was not said."""
    billable = "" if is_billable is None else "true" if is_billable else "false"
    return SEPARATOR.join((_word(category), _word(type_), billable))


def parse_pricing(text: str) -> Pricing:
    """Return what ``pricing_text`` was given."""
    category, type_, billable, *_ = (*text.split(SEPARATOR), "", "", "")
    return Pricing(category=category, type=type_, is_billable={"true": True, "false": False}.get(billable))


def _word(said: str) -> str:
    return said[:_WORD_CHARACTERS_MAX].replace(SEPARATOR, "_").replace("\x00", "")


def calling_code(recipient: str) -> str:
    """Return the country code that a recipient of digits begins with; ``""`` for a group or a user id."""
    if not recipient.isdigit():
        return ""
    if recipient[0] in _ONE_DIGIT:
        return recipient[0]
    return recipient[:2] if recipient[:2] in _TWO_DIGITS else recipient[:3]


class PriceListError(ValueError):
    """A price list that cannot be read; the text says what to change."""


class PriceList:
    """
    Amounts by category, and within one by country code.

    Made from ``{"currency": "USD", "prices": {"utility": "0.004", "marketing": {"91": "0.0107", "*": "0.05"}}}``:
    amounts are decimals as text or number, ``*`` is every country that is not named.
    """

    def __init__(self, currency: str, prices: Mapping[str, Mapping[str, Decimal]]) -> None:
        self.currency = currency
        self._prices = prices

    @classmethod
    def of(cls, document: Any) -> "PriceList":
        """Return the list that a JSON document describes. Raises PriceListError."""
        if not isinstance(document, dict) or set(document) != {"currency", "prices"}:
            raise PriceListError('must be an object with the members "currency" and "prices"')
        currency, prices = document["currency"], document["prices"]
        if not isinstance(currency, str) or not (len(currency) == 3 and currency.isascii() and currency.isupper()):
            raise PriceListError("currency must be three capital letters, such as USD")
        if not isinstance(prices, dict):
            raise PriceListError("prices must be an object of categories")
        return cls(currency, {category: _by_country(category, amounts) for category, amounts in prices.items()})

    def price(self, pricing: Pricing, *, country: str) -> Decimal | None:
        """Return what one message costs; 0 if it is free, None if the list does not say."""
        if pricing.is_free:
            return Decimal(0)
        amounts = self._prices.get(pricing.category)
        return None if amounts is None else amounts.get(country, amounts.get("*"))


def _by_country(category: str, amounts: Any) -> dict[str, Decimal]:
    if not isinstance(amounts, dict):
        return {"*": _amount(category, amounts)}
    for country in amounts:
        if country != "*" and not (country.isascii() and country.isdigit() and len(country) <= 3):
            raise PriceListError(f"{category}: {country} is not a country code of 1 to 3 digits, nor *")
    return {country: _amount(category, amount) for country, amount in amounts.items()}


def _amount(category: str, written: Any) -> Decimal:
    try:
        amount = Decimal(str(written)) if type(written) in (str, int, float) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= _PRICE_MAX:
        raise PriceListError(f"{category}: an amount must be a decimal number, 0 to {_PRICE_MAX}")
    return amount
