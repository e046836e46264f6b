"""Turns instants and seconds of a video into the texts and numbers of the wire (contract 1.4, 18)."""

import math
from datetime import UTC, datetime
from fractions import Fraction
from typing import Literal

TimeStyle = Literal["seconds", "hh:mm:ss", "hh:mm:ss.fff"]
# From here on every floating point number is a whole one.
_ALL_WHOLE = 2.0**52

TIME_STYLES: tuple[TimeStyle, ...] = ("seconds", "hh:mm:ss", "hh:mm:ss.fff")


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds and `Z`. `moment` must know its offset."""
    if moment.utcoffset() is None:
        raise ValueError("a time without an offset has no place on the wire")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_rfc3339(text: str) -> datetime | None:
    """The moment that the text names; one without an offset is in UTC. None when it names none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def hh_mm_ss(seconds: float) -> str:
    """Rounded half up to whole seconds, never negative; hours may exceed 99."""
    minutes, rest = divmod(_units(seconds, 1), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


def hh_mm_ss_fff(seconds: float) -> str:
    """Rounded half up to milliseconds, never negative; hours may exceed 99."""
    whole, thousandths = divmod(_units(seconds, 1000), 1000)
    return f"{hh_mm_ss(whole)}.{thousandths:03d}"


def seconds_number(seconds: float) -> int | float:
    """A JSON number with at most three decimals that `json.dumps` writes without an exponent."""
    if abs(seconds) >= _ALL_WHOLE:
        return int(seconds)
    rounded = math.copysign(_units(abs(seconds), 1000), seconds) / 1000
    return int(rounded) if rounded.is_integer() else rounded


def clock_time(seconds: float, style: TimeStyle = "hh:mm:ss") -> str:
    """The time as text in one of the styles a client may ask for."""
    match style:
        case "seconds":
            return str(seconds_number(seconds))
        case "hh:mm:ss":
            return hh_mm_ss(seconds)
        case "hh:mm:ss.fff":
            return hh_mm_ss_fff(seconds)


def _units(seconds: float, per_second: int) -> int:
    """Half up in the decimal digits the number is written with: 0.0005 is half a millisecond, not a bit less."""
    exact = Fraction(repr(float(seconds))) * per_second
    return max(0, math.floor(exact + Fraction(1, 2)))
