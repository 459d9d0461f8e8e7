"""Secrets at rest: sealed for their place, opened by any key that is set."""

import pytest

from waypost.store.sealing import SealBrokenError, Sealer, key_id, sealed_key_id

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = "sources/one/access_token"


def test_a_value_moved_to_another_row_or_column_does_not_open():
    sealer = Sealer([OLD])
    sealed = sealer.seal("secret", place=PLACE)

    assert "secret" == sealer.open(sealed, place=PLACE)
    for elsewhere in ("sources/two/access_token", "sources/one/app_secret", "webhook_endpoints/one/secret"):
        with pytest.raises(SealBrokenError, match="altered or moved"):
            sealer.open(sealed, place=elsewhere)


@pytest.mark.parametrize("place", [0, 5, 20, -1])
def test_an_altered_value_does_not_open(place):
    sealer = Sealer([OLD])
    sealed = bytearray(sealer.seal("secret", place=PLACE))
    sealed[place] ^= 1

    with pytest.raises(SealBrokenError):
        sealer.open(bytes(sealed), place=PLACE)


def test_the_first_key_seals_and_all_open():
    former = Sealer([OLD]).seal("secret", place=PLACE)
    both = Sealer([NEW, OLD])

    assert "secret" == both.open(former, place=PLACE)
    assert key_id(NEW) == sealed_key_id(both.seal("secret", place=PLACE)) == both.key_ids[0]
    assert "secret" == Sealer([NEW]).open(both.seal("secret", place=PLACE), place=PLACE)


def test_a_value_of_a_dropped_key_names_the_key_and_says_what_to_do():
    sealed = Sealer([OLD]).seal("secret", place=PLACE)

    with pytest.raises(SealBrokenError) as refusal:
        Sealer([NEW]).open(sealed, place=PLACE)

    text = str(refusal.value)
    assert all(word in text for word in (PLACE, key_id(OLD), key_id(NEW), "WAYPOST_MASTER_KEY", "behind the present"))


def test_keys_are_looked_at_again_before_sealing_and_when_one_is_unknown():
    keys = [OLD]
    sealer = Sealer(keys, reread=lambda: keys)
    sealed = Sealer([NEW]).seal("secret", place=PLACE)

    keys.insert(0, NEW)

    assert "secret" == sealer.open(sealed, place=PLACE)
    keys[:] = [OLD, NEW]
    assert key_id(OLD) == sealed_key_id(sealer.seal("secret", place=PLACE))


@pytest.mark.parametrize("keys", [[], [b"short"]])
def test_no_key_or_a_short_one_is_refused(keys):
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(keys)
