"""Opens the file that a new asset's bytes go to, so that an upload ends where the account has no room for more."""

from __future__ import annotations

from kinoscribe.api.door import Call
from kinoscribe.api.uploads import FORM_AROUND_FILE
from kinoscribe.contract.idempotency import read_idempotency_key
from kinoscribe.storage.blobs import Incoming
from kinoscribe.storage.reservations import Reservation


class AssetFiles:
    """Files for the uploads of one call. Where nothing is limited, no more is done than to open them.

    Who repeats a request with an `Idempotency-Key` is not held up: what it brings was kept before.
    """

    def __init__(self, call: Call, route: str) -> None:
        self._call = call
        self._route = route
        self._account = call.account.name
        self._room = call.house.tools.assets.room
        self.reserved: Reservation | None = None
        """What was set aside for the file that `begin` has opened."""

    def admit(self, announced: int) -> None:
        """Raises `StorageQuotaExceeded` for a form of so many bytes whose file cannot fit, before any of it comes."""
        left = self._left()
        if left is not None and announced - FORM_AROUND_FILE > left:
            raise self._room.refusal(self._account, announced - FORM_AROUND_FILE)

    def begin(self, announced: int) -> Incoming:
        """A file that takes no more than there is room for; then it raises `StorageQuotaExceeded`.

        What the client has announced is set aside at once, of other files what comes, until there is the asset.
        """
        if not self._room.is_limited or self._is_repeated():
            return self._call.house.tools.blobs.begin(announced)
        self.reserved = reserved = self._room.reserve(self._account)
        try:
            if announced:
                reserved.announce(max(1, announced - FORM_AROUND_FILE), announced)
            incoming = self._call.house.tools.blobs.begin(announced)
        except BaseException:
            reserved.close()
            raise
        return incoming.bound(reserved.bytes, reserved.grow, reserved.close)

    def _left(self) -> int | None:
        if not self._room.is_limited or self._is_repeated():
            return None
        return self._room.left(self._account)

    def _is_repeated(self) -> bool:
        key = read_idempotency_key(self._call.request.headers.get("idempotency-key"))
        return key is not None and self._call.house.tools.idempotency.has(self._account, self._route, key)
