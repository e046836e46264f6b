"""Turns base64 inside a request into a file."""

from kinoscribe.contract.sources import Base64Source, decode_base64
from kinoscribe.storage.blobs import Incoming


def write_inline(source: Base64Source, incoming: Incoming) -> None:
    """Writes the decoded bytes. Raises `ParameterInvalid`, `VideoFilesizeTooLarge` or `StorageFull`."""
    incoming.write(decode_base64(source.text))
