from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.times import clock_time, hh_mm_ss, hh_mm_ss_fff, rfc3339, seconds_number

SECONDS = st.floats(min_value=-1e6, max_value=1e7)


@pytest.mark.parametrize(
    ("seconds", "whole", "thousandths"),
    [
        (12.5, "00:00:13", "00:00:12.500"),
        (0, "00:00:00", "00:00:00.000"),
        (-3.2, "00:00:00", "00:00:00.000"),
        (59.5, "00:01:00", "00:00:59.500"),
        (59.9995, "00:01:00", "00:01:00.000"),
        (0.0005, "00:00:00", "00:00:00.001"),
        (3599.9999, "01:00:00", "01:00:00.000"),
        (1.0005, "00:00:01", "00:00:01.001"),
        (400_000, "111:06:40", "111:06:40.000"),
    ],
)
def test_times_are_rounded_half_up_and_never_negative(seconds: float, whole: str, thousandths: str) -> None:
    assert hh_mm_ss(seconds) == whole
    assert hh_mm_ss_fff(seconds) == thousandths
    assert clock_time(seconds) == whole
    assert clock_time(seconds, "hh:mm:ss.fff") == thousandths


@given(SECONDS)
def test_a_written_time_reads_back_as_the_decimal_it_was_rounded_to(seconds: float) -> None:
    hours, minutes, rest = hh_mm_ss_fff(seconds).split(":")
    assert 0 <= int(minutes) < 60
    read = int(hours) * 3600 + int(minutes) * 60 + Decimal(rest)
    meant = max(Decimal(0), Decimal(repr(seconds)).quantize(Decimal("0.001"), ROUND_HALF_UP))
    assert read == meant


@given(SECONDS)
def test_seconds_are_written_with_at_most_three_decimals_and_no_exponent(seconds: float) -> None:
    text = clock_time(seconds, "seconds")
    assert "e" not in text
    assert len(text.partition(".")[2]) <= 3
    assert abs(float(text) - seconds) <= 0.00051


def test_whole_seconds_are_whole_numbers() -> None:
    assert repr(seconds_number(12.0)) == "12"
    assert repr(seconds_number(-0.0001)) == "0"
    assert repr(seconds_number(1e22)) == str(10**22)
    assert repr(seconds_number(1.23456)) == "1.235"
    assert seconds_number(-1.7e308) == int(-1.7e308)


def test_instants_are_utc_with_milliseconds() -> None:
    east = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2024, 9, 26, 12, 29, 19, 968_900, east)) == "2024-09-26T10:29:19.968Z"
    assert rfc3339(datetime(2024, 9, 26, tzinfo=UTC)) == "2024-09-26T00:00:00.000Z"


def test_an_instant_of_no_zone_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="offset"):
        rfc3339(datetime(2024, 9, 26))
