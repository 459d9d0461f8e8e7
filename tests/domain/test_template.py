"""What a template message must be made of: worked out from the provider's components, asked of every message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.domain.errors import FailureReason
from waypost.domain.message import Attachment, MediaKind, Template, TemplateButton
from waypost.domain.template import (
    APPROVED,
    ButtonKind,
    ButtonShape,
    HeaderKind,
    TemplateShape,
    TemplateVariant,
    check_template,
    shape_of,
)

TEXT = {"type": "text", "text": "x"}
FILE = Attachment(media_id="m")
FILE_HEADERS = [HeaderKind.IMAGE, HeaderKind.VIDEO, HeaderKind.DOCUMENT]
URL = ButtonShape(kind=ButtonKind.URL, is_dynamic=True, fixed_part="https://shop.example.org/")


def checked(shape, status=APPROVED, language="en", **members):
    template = Template(name="t", language=language, **members)
    return check_template(template, {"en": TemplateVariant(status=status, shape=shape)})


def by_components(shape, *components):
    return checked(shape, components=list(components))


def part(kind, *parameters, **more):
    return {"type": kind, "parameters": list(parameters), **more}


def button(index, sub_type):
    return part("button", TEXT, index=index, sub_type=sub_type)


def test_the_language_is_found_first_then_the_status_then_the_parameters():
    shape = TemplateShape(body_variables=("1",))

    assert check_template(Template(name="t", language="en"), {}) is FailureReason.INVALID_TEMPLATE
    assert checked(shape, status="PAUSED", language="hi") is FailureReason.INVALID_TEMPLATE_LANGUAGE
    assert checked(shape, status="PAUSED") is FailureReason.INVALID_TEMPLATE
    assert checked(shape) is FailureReason.INVALID_TEMPLATE_PARAMETER
    assert checked(shape, attributes=("a",)) is None


@pytest.mark.parametrize(
    "status", ["PENDING", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL", "PENDING_DELETION", "ARCHIVED", ""]
)
def test_only_an_approved_template_is_sent(status):
    assert checked(TemplateShape(), status=status) is FailureReason.INVALID_TEMPLATE


words = st.text("abc_", min_size=1, max_size=5)


@given(names=st.lists(words, unique=True, max_size=6), is_named=st.booleans())
def test_exactly_as_many_values_as_variables_are_taken(names, is_named):
    variables = names if is_named else [str(place + 1) for place in range(len(names))]
    # Named twice, a variable is one all the same.
    text = " ".join(f"and {{{{{name}}}}}" for name in variables * 2)
    shape = shape_of([{"type": "BODY", "text": text}])

    assert shape.body_variables == tuple(variables)
    assert shape.is_named == (is_named and bool(names))
    for count in range(len(names) + 2):
        fits = checked(shape, attributes=("v",) * count) is None
        assert fits == (count == len(names))
        assert fits == (by_components(shape, part("body", *[TEXT] * count)) is None)


def test_variables_are_given_in_the_order_of_their_numbers():
    assert shape_of([{"type": "body", "text": "{{2}} {{10}} {{1}}"}]).body_variables == ("1", "2", "10")


@given(
    listed=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["type", "text", "format", "buttons", "cards", "components", "url", "limited_time_offer"]
                ),
                inner | st.sampled_from(["BODY", "HEADER", "BUTTONS", "CAROUSEL", "URL", "{{1}}", "{{²}}", "image"]),
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    sent=st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["body", "header", "button", "carousel", "x"])},
            optional={
                "parameters": st.none() | st.lists(st.dictionaries(words, words, max_size=2), max_size=2),
                "index": st.integers() | st.text(max_size=3) | st.none(),
                "sub_type": st.none() | st.sampled_from(["url", "URL", "quick_reply"]),
                "cards": st.none() | st.lists(st.dictionaries(words, words, max_size=1), max_size=2),
            },
        ),
        max_size=4,
    ),
)
def test_whatever_is_listed_and_sent_there_is_a_verdict(listed, sent):
    shape = shape_of([item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else [])

    assert checked(shape, components=sent) in (None, FailureReason.INVALID_TEMPLATE_PARAMETER)


@pytest.mark.parametrize("header", FILE_HEADERS)
@pytest.mark.parametrize("given_kind", [None, *MediaKind])
def test_a_file_is_given_where_the_header_is_one_of_its_kind_and_nowhere_else(header, given_kind):
    shape = TemplateShape(header=header)
    file = None if given_kind is None else FILE

    assert (checked(shape, header=given_kind, attachment=file) is None) == (given_kind is header.media_kind)
    assert (checked(TemplateShape(), header=given_kind, attachment=file) is None) == (given_kind is None)
    if given_kind is not None:
        parameter = {"type": given_kind.value, given_kind.value: {"id": "1"}}
        is_taken = by_components(shape, part("header", parameter)) is None
        assert is_taken == (given_kind is header.media_kind)


def test_the_variable_of_a_header_takes_the_first_value():
    shape = shape_of(
        [{"type": "HEADER", "format": "TEXT", "text": "For {{1}}"}, {"type": "BODY", "text": "Dear {{1}}, {{2}}"}]
    )

    assert checked(shape, attributes=("h", "a", "b")) is None
    assert checked(shape, attributes=("a", "b")) is FailureReason.INVALID_TEMPLATE_PARAMETER
    assert shape.split(("h", "a", "b")) == (("h",), ("a", "b"))
    assert by_components(shape, part("header", TEXT), part("body", TEXT, TEXT)) is None


VALUED = {
    ButtonShape(kind=ButtonKind.QUICK_REPLY): (True, True),
    ButtonShape(kind=ButtonKind.FLOW): (True, True),
    ButtonShape(kind=ButtonKind.CATALOG): (True, True),
    ButtonShape(kind=ButtonKind.COPY_CODE): (False, True),
    ButtonShape(kind=ButtonKind.URL): (True, False),
    URL: (False, True),
    ButtonShape(kind=ButtonKind.PHONE_NUMBER): (True, False),
    ButtonShape(kind=ButtonKind.VOICE_CALL): (True, False),
    ButtonShape(kind=ButtonKind.MPM): (False, False),
    ButtonShape(kind=ButtonKind.ORDER_DETAILS): (False, False),
    ButtonShape(kind=ButtonKind.OTHER): (True, True),
}
"""Whether a message fits without a value for the button, and with one."""


@pytest.mark.parametrize("shape", VALUED)
def test_each_button_takes_the_value_that_it_needs(shape):
    without, with_one = VALUED[shape]

    template = TemplateShape(buttons=(shape,))
    assert (checked(template) is None) == without
    assert (checked(template, buttons=(TemplateButton(index=0, payload="abc"),)) is None) == with_one
    assert (by_components(template) is None) == (not shape.needs_value)
    assert by_components(template, button("0", shape.kind.sub_type)) is None
    assert (by_components(template, button(0, "odd")) is None) == (shape.kind is ButtonKind.OTHER)
    assert by_components(template, button("1", shape.kind.sub_type)) is FailureReason.INVALID_TEMPLATE_PARAMETER


@given(place=st.integers(0, 9), count=st.integers(0, 9))
def test_a_value_for_a_button_that_is_not_there_is_refused(place, count):
    shape = TemplateShape(buttons=(ButtonShape(kind=ButtonKind.QUICK_REPLY),) * count)

    assert (checked(shape, buttons=(TemplateButton(index=place, payload="x"),)) is None) == (place < count)


@pytest.mark.parametrize(
    ("payload", "suffix"), [("https://shop.example.org/r/31", "r/31"), ("r/31", "r/31"), ("https://a", "https://a")]
)
def test_a_url_is_cut_to_the_part_that_is_the_messages_own(payload, suffix):
    assert URL.suffix_of(payload) == suffix


def test_a_url_without_an_end_of_its_own_is_refused():
    given = (TemplateButton(index=0, payload=URL.fixed_part),)

    assert checked(TemplateShape(buttons=(URL,)), buttons=given) is FailureReason.INVALID_TEMPLATE_PARAMETER


def test_only_a_url_with_a_variable_wants_a_value():
    urls = ["https://shop.example.org/", "https://shop.example.org/r/{{1}}", None]
    listed = {"type": "BUTTONS", "buttons": [{"type": "URL", "url": url} for url in urls]}

    assert shape_of([listed]).buttons == (
        ButtonShape(kind=ButtonKind.URL),
        ButtonShape(kind=ButtonKind.URL, is_dynamic=True, fixed_part="https://shop.example.org/r/"),
        ButtonShape(kind=ButtonKind.URL),
    )


def test_the_button_of_a_code_needs_no_value_and_takes_the_code_alone():
    listed = [
        {"type": "BODY", "text": "*{{1}}* is your verification code."},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "url": "https://www.whatsapp.com/otp/code/?code=otp{{1}}"}]},
    ]
    unfilled = [
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "BUTTONS", "buttons": [{"type": "OTP"}]},
    ]
    for components in (listed, unfilled):
        shape = shape_of(components, category="authentication")
        assert shape.buttons == (ButtonShape(kind=ButtonKind.OTP),)
        assert checked(shape, attributes=("314159",)) is None
        assert checked(shape, attributes=("314159",), buttons=(TemplateButton(index=0, payload="314159"),)) is None
        other = (TemplateButton(index=0, payload="271828"),)
        assert checked(shape, attributes=("314159",), buttons=other) is FailureReason.INVALID_TEMPLATE_PARAMETER
        assert by_components(shape, part("body", TEXT), button("0", "url")) is None


def test_what_has_no_members_of_its_own_is_given_as_components():
    card = {"components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "{{1}}"}]}
    carousel = shape_of([{"type": "CAROUSEL", "cards": [card, card]}])
    offer = shape_of([{"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"has_expiration": True}}])
    place = shape_of([{"type": "HEADER", "format": "LOCATION"}])
    for shape in (carousel, offer, place):
        assert checked(shape) is FailureReason.INVALID_TEMPLATE_PARAMETER
        assert by_components(shape) is FailureReason.INVALID_TEMPLATE_PARAMETER

    image = part("header", {"type": "image", "image": {"id": "1"}})
    good = {"components": [image, part("body", TEXT)]}
    bare = {"components": [image]}
    for cards, fits in (([good, good], True), ([good], False), ([good, bare], False), ([good, good, good], False)):
        assert (by_components(carousel, {"type": "carousel", "cards": cards}) is None) == fits
    assert by_components(TemplateShape(), {"type": "carousel", "cards": [good]}) is not None
    assert by_components(offer, {"type": "limited_time_offer", "parameters": []}) is None
    assert by_components(place, part("header", {"type": "location", "location": {}})) is None


def test_what_is_unknown_is_left_to_the_provider():
    shape = shape_of([{"type": "HEADER", "format": "HOLOGRAM"}, {"type": "NEW"}, {"type": "BODY", "text": 7}])

    assert shape == TemplateShape(header=HeaderKind.OTHER)
    assert checked(shape) is None
    assert checked(shape, header=MediaKind.IMAGE, attachment=FILE) is None
    assert by_components(shape, part("header", {"type": "hologram"}), {"type": "tap_target_configuration"}) is None


def test_a_variable_of_thousands_of_digits_is_a_name_and_breaks_no_list():
    shape = shape_of([{"type": "BODY", "text": "{{%s}} and {{2}}" % ("1" * 5_000)}])

    assert shape.is_named
    assert shape.body_variables == ("1" * 5_000, "2")
