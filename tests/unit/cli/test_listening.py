import re
import socket

import pytest

from kinoscribe.cli.exits import FAILED, Exit
from kinoscribe.cli.listening import address, listen
from kinoscribe.settings import Settings


def test_a_port_that_is_taken_is_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Exit, match=f"127.0.0.1:{port}") as caught:
            listen(Settings(port=port))
    assert caught.value.code == FAILED


def test_a_free_port_is_taken_and_named() -> None:
    with listen(Settings(port=0)) as listening:
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", address(Settings(port=0), listening))
        assert "127.0.0.1" in address(Settings(host="0.0.0.0", port=0), listening)
