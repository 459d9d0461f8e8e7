"""What upstream says of prices, and a price list."""

from decimal import Decimal

import pytest

from waypost.domain.pricing import PriceList, PriceListError, calling_code, parse_pricing, pricing_text

DOCUMENT = {"currency": "USD", "prices": {"utility": "0.004", "marketing": {"91": "0.0107", "1": 0.025, "*": "0.05"}}}


@pytest.mark.parametrize(
    ("recipient", "code"),
    [
        ("12025550143", "1"),
        ("77012345678", "7"),
        ("919812345678", "91"),
        ("4930123456", "49"),
        ("353851234567", "353"),
        ("971501234567", "971"),
        ("Y2FwaV9ncm91cA==", ""),
        ("", ""),
    ],
)
def test_a_country_is_known_by_the_first_digits(recipient, code):
    assert calling_code(recipient) == code


@pytest.mark.parametrize(
    ("said", "country", "price"),
    [
        (("utility", "regular", True), "49", "0.004"),
        (("marketing", "regular", True), "91", "0.0107"),
        (("marketing", "regular", True), "1", "0.025"),
        (("marketing", "regular", None), "49", "0.05"),
        (("utility", "free_customer_service", True), "1", "0"),
        (("utility", "regular", False), "1", "0"),
        (("authentication", "regular", True), "1", None),
    ],
)
def test_a_price_is_that_of_the_category_and_country(said, country, price):
    category, kind, is_billable = said
    pricing = parse_pricing(pricing_text(category, kind, is_billable=is_billable))

    found = PriceList.of(DOCUMENT).price(pricing, country=country)

    assert found == (None if price is None else Decimal(price))


def test_words_of_upstream_cannot_break_the_text_they_are_kept_in():
    pricing = parse_pricing(pricing_text("a/b\x00" + "c" * 200, "", is_billable=None))

    assert (pricing.category, pricing.type, pricing.is_billable) == ("a_b" + "c" * 60, "", None)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], "currency"),
        ({"currency": "USD"}, "prices"),
        ({"currency": "dollars", "prices": {}}, "three capital letters"),
        ({"currency": "USD", "prices": []}, "object of categories"),
        ({"currency": "USD", "prices": {"utility": "cheap"}}, "utility: an amount"),
        ({"currency": "USD", "prices": {"utility": -1}}, "utility: an amount"),
        ({"currency": "USD", "prices": {"utility": "NaN"}}, "utility: an amount"),
        ({"currency": "USD", "prices": {"utility": True}}, "utility: an amount"),
        ({"currency": "USD", "prices": {"utility": {"USA": "1"}}}, "USA is not a country code"),
    ],
)
def test_a_wrong_price_list_says_what_to_change(document, why):
    with pytest.raises(PriceListError, match=why):
        PriceList.of(document)
