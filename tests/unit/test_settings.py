import pytest
from pydantic import ValidationError

from kinoscribe.settings import Settings


@pytest.mark.parametrize("networks", ["192.168.1.7/24,::1", "10.0.0.0/8", ""])
def test_networks_that_urls_may_reach_are_read(networks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINOSCRIBE_URL_ALLOW", networks)
    assert Settings().url_allow == tuple(part for part in networks.split(",") if part)


@pytest.mark.parametrize(
    ("name", "value"),
    [("URL_ALLOW", "nonsense"), ("URL_ALLOW", "10.0.0.0/40"), ("URL_PORTS", "99999"), ("URL_PORTS", "x")],
)
def test_a_network_or_port_that_is_none_is_refused_at_the_start(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"KINOSCRIBE_{name}", value)
    with pytest.raises(ValidationError, match=value):
        Settings()
