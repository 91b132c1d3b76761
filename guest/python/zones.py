"""Gives `zoneinfo` the time zones that are part of the guest: there is no directory of them to look in.

Run once before the snapshot.
"""

import io
import zoneinfo
import zoneinfo._common
import zoneinfo._tzpath

import _sandgate_tzdata


def _load_tzdata(key):
    data = _sandgate_tzdata.data(key)
    if data is None:
        raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")
    return io.BytesIO(data)


def available_timezones():
    """Returns a set containing all available time zones."""
    return set(_sandgate_tzdata.names())


zoneinfo._common.load_tzdata = _load_tzdata
zoneinfo._tzpath.available_timezones = zoneinfo.available_timezones = available_timezones
