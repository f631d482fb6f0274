"""Units of H.264 and HEVC streams are taken apart and numbered anew without changing pictures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.media.output.nal_units import (
    as_first,
    escaped,
    join_units,
    split_units,
    unescaped,
    with_fifteen,
)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.sampled_from([1, 2, 4]))
def test_units_with_lengths(units: list[bytes], n_bytes: int) -> None:
    """What was joined by lengths comes apart as it was."""
    data = b"".join(len(unit).to_bytes(n_bytes, "big") + unit for unit in units)
    assert list(split_units(data, n_bytes)) == units


@given(st.binary(max_size=60))
def test_escaped_bytes_hold_no_start_code(payload: bytes) -> None:
    """Escaping is undone exactly, and leaves nothing that looks like a start."""
    whole = b"\x65" + payload + b"\x80"
    unit = escaped(whole)
    assert unescaped(unit) == whole
    assert list(split_units(join_units([unit, unit]), 0)) == [unit, unit]


@given(st.binary(min_size=3, max_size=8), st.integers(0, 15))
def test_another_number_moves_what_follows_by_a_byte(payload: bytes, place: int) -> None:
    """Bits before the number stay, and those after it are the same, eight later."""
    bits = f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}"
    if bits[place] != "1":
        with pytest.raises(ValueError, match="not 0"):
            with_fifteen(payload, place)
        return
    changed = with_fifteen(payload, place)
    found = f"{int.from_bytes(changed, 'big'):0{8 * len(changed)}b}"
    assert found == bits[:place] + "000010000" + bits[place + 1 :]


def test_a_unit_that_is_longer_than_its_packet_is_refused() -> None:
    """A damaged length is an error and not read past."""
    with pytest.raises(ValueError, match="longer than its packet"):
        list(split_units(b"\x00\x00\x00\x09ab", 4))


def test_only_an_open_group_begins_otherwise() -> None:
    """A CRA picture becomes a BLA picture of the same layer; an IDR picture stays as it is."""
    assert as_first(bytes([21 << 1, 1, 7])) == bytes([18 << 1, 1, 7])
    assert as_first(bytes([20 << 1, 1, 7])) == bytes([20 << 1, 1, 7])
