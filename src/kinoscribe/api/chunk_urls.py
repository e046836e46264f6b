"""Signs the URLs that chunks are sent to, and tells by the signature alone whether a URL is one of ours."""

from __future__ import annotations

import hashlib
import hmac
import math
from datetime import UTC, datetime
from urllib.parse import urlencode

from kinoscribe import clock
from kinoscribe.contract.errors import UploadUrlExpired, UploadUrlInvalid
from kinoscribe.contract.times import rfc3339
from kinoscribe.contract.uploads import SignedUrl

_PERSON = b"chunk url"
# Longer texts are no numbers of ours.
_LONGEST = 12


class ChunkUrls:
    """URLs of one server. The signature is made with the server's secret over upload, number and end."""

    def __init__(self, secret: bytes, seconds: float) -> None:
        self._secret = secret
        self._seconds = seconds

    def sign(self, base_url: str, upload_id: str, number: int, moment: datetime) -> SignedUrl:
        """A URL for one chunk, good from `moment` on."""
        end = math.ceil(moment.timestamp() + self._seconds)
        query = urlencode({"expires": end, "signature": self._signature(upload_id, number, end)})
        url = f"{base_url}/assets/multipart-uploads/{upload_id}/chunks/{number}?{query}"
        return SignedUrl(number, url, datetime.fromtimestamp(end, UTC))

    def check(self, upload_id: str, number: str, expires: str, signature: str) -> int:
        """The number of the chunk that may be sent. Raises `UploadUrlInvalid`, also as `UploadUrlExpired`."""
        numbers = (number, expires)
        if not all(text.isascii() and text.isdigit() and len(text) <= _LONGEST for text in numbers):
            raise UploadUrlInvalid
        index, end = int(number), int(expires)
        right = self._signature(upload_id, index, end)
        if not hmac.compare_digest(right.encode(), signature.encode("utf-8", "surrogatepass")):
            raise UploadUrlInvalid
        if clock.now().timestamp() >= end:
            raise UploadUrlExpired(expired=rfc3339(datetime.fromtimestamp(end, UTC)))
        return index

    def _signature(self, upload_id: str, number: int, end: int) -> str:
        said = f"{upload_id}/{number}/{end}".encode()
        return hashlib.blake2b(said, key=self._secret[:64], person=_PERSON, digest_size=32).hexdigest()
