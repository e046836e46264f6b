"""Signs the URLs under which thumbnails lie, so that a browser shows them without a key."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlencode

from kinoscribe import clock

_PERSON = b"thumbnail url"
# A URL stays the same for a day, so that browsers keep what it names, and is good for a day more.
_DAY = 86_400
_LONGEST = 12


class ThumbnailUrls:
    """URLs of one server. The signature is made with the server's secret over the asset and the end."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, base_url: str, asset_id: str) -> str:
        """The URL of an asset's thumbnail for one day to two."""
        end = (int(clock.now().timestamp()) // _DAY + 2) * _DAY
        query = urlencode({"expires": end, "signature": self._signature(asset_id, end)})
        return f"{base_url}/assets/{asset_id}/thumbnail?{query}"

    def good(self, asset_id: str, expires: str, signature: str) -> bool:
        """Whether this is one of ours and still good."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= _LONGEST):
            return False
        right = self._signature(asset_id, int(expires)).encode()
        ours = hmac.compare_digest(right, signature.encode("utf-8", "surrogatepass"))
        return ours and clock.now().timestamp() < int(expires)

    def _signature(self, asset_id: str, end: int) -> str:
        said = f"{asset_id}/{end}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(said, key=self._secret[:64], person=_PERSON, digest_size=32).hexdigest()
