from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.sources.url_guard import (
    Gate,
    Target,
    UrlRefused,
    allowed,
    check_addresses,
    follow,
    make_gate,
    read_reachable,
    read_target,
)

PUBLIC = Gate()
ALL_PORTS = make_gate(ports=(0,))


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
        "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:8.8.8.8",
        "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8", "100::1", "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
        "2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0",
        "2606:4700::1111%1", "fec0::1", "ff02::1", "ff0e::1", "4000::1", "8000::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    assert not allowed(ip_address(text), PUBLIC)
    with pytest.raises(UrlRefused, match="not public"):
        check_addresses([text], PUBLIC)


@pytest.mark.parametrize(
    "text",
    ["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1",
     "192.167.0.1", "192.169.0.1", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111",
     "2a00:1450:4001:80b::200e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
)  # fmt: skip
def test_a_public_address_is_allowed(text: str) -> None:
    assert allowed(ip_address(text), PUBLIC)
    assert check_addresses([text], PUBLIC) == (ip_address(text),)


def test_one_address_that_is_not_public_is_enough_to_refuse_a_host() -> None:
    with pytest.raises(UrlRefused):
        check_addresses(["8.8.8.8", "2606:4700::1111", "10.0.0.1"], PUBLIC)
    with pytest.raises(UrlRefused, match="no address"):
        check_addresses([], PUBLIC)


@given(st.ip_addresses(v=4, network="0.0.0.0/0"))
def test_an_ipv4_address_gets_the_same_verdict_in_every_wrapping(address: IPv4Address) -> None:
    verdict = allowed(address, PUBLIC)
    number = int(address)
    assert allowed(IPv6Address((0xFFFF << 32) | number), PUBLIC) == verdict
    assert allowed(IPv6Address((0x64FF9B << 96) | number), PUBLIC) == verdict
    assert not allowed(IPv6Address((0x2002 << 112) | (number << 80)), PUBLIC), "6to4"
    assert not allowed(IPv6Address((0x20010000 << 96) | (number ^ 0xFFFF_FFFF)), PUBLIC), "Teredo"
    assert not allowed(IPv6Address(number), PUBLIC), "compatible"


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6, network="2000::/3"))
def test_nothing_is_allowed_that_the_standard_library_calls_private(
    address: IPv4Address | IPv6Address,
) -> None:
    if allowed(address, PUBLIC):
        kinds = (
            "is_private",
            "is_loopback",
            "is_link_local",
            "is_multicast",
            "is_reserved",
            "is_unspecified",
        )
        assert [kind for kind in kinds if getattr(address, kind)] == []
        assert address.is_global


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_an_operator_may_allow_a_network_and_only_that(address: IPv4Address, bits: int) -> None:
    network = IPv4Network((address, bits), strict=False)
    gate = make_gate([str(network)])
    assert allowed(address, gate)
    assert allowed(IPv6Address((0xFFFF << 32) | int(address)), gate)
    outside = IPv4Address(int(address) ^ (1 << 31)) if bits else None
    if outside is not None:
        assert allowed(outside, gate) == allowed(outside, PUBLIC)


def test_an_operator_may_allow_single_addresses_and_ipv6_networks() -> None:
    gate = make_gate(["127.0.0.1", "fd00::/8"])
    assert allowed(IPv4Address("127.0.0.1"), gate)
    assert not allowed(IPv4Address("127.0.0.2"), gate)
    assert allowed(IPv6Address("fd12::1"), gate)
    assert gate.networks == (IPv4Network("127.0.0.1/32"), IPv6Network("fd00::/8"))
    with pytest.raises(ValueError, match="nonsense"):
        make_gate(["nonsense"])


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://example.com", Target("http", "example.com", 80, "/")),
        ("https://EXAMPLE.com:443/a/b.mp4?x=1&y=%20#part", Target("https", "example.com", 443, "/a/b.mp4?x=1&y=%20")),
        ("HTTP://example.com./v", Target("http", "example.com", 80, "/v")),
        ("https://bücher.example/straße.mp4", Target("https", "xn--bcher-kva.example", 443, "/stra%C3%9Fe.mp4")),
        ("https://a_b.example/v", Target("https", "a_b.example", 443, "/v")),
        ("https://[2606:4700:4700::1111]/v", Target("https", "2606:4700:4700::1111", 443, "/v")),
        ("https://8.8.8.8/v?sig=a+b/c==", Target("https", "8.8.8.8", 443, "/v?sig=a+b/c==")),
        ("https://example.com/\"<>{}'`v", Target("https", "example.com", 443, "/%22%3C%3E%7B%7D'%60v")),
        ("https://example.com?x", Target("https", "example.com", 443, "/?x")),
        ("https://１.example/v", Target("https", "1.example", 443, "/v")),
    ],
)  # fmt: skip
def test_a_plain_url_is_taken_apart(url: str, target: Target) -> None:
    assert read_target(url, PUBLIC) == target


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com/v", "ftp://example.com/v", "file:///etc/passwd", "gopher://x/1",
        "javascript:alert(1)", "data:video/mp4;base64,AAAA", "http:/example.com", "http:///v", "http://", "http://:80/",
        "http://user@example.com/", "http://user:secret@example.com/", "http://@example.com/", "http://a@b@c/",
        "http://example.com:99999/", "http://example.com:x/", "http://example.com:-1/", "http://example.com:٨٠/",
        "http://exa mple.com/", "http://example.com/a b", "http://example.com/\n", "\thttp://example.com/",
        "http://example.com/\r\nHost: evil", "http://example.com\\@127.0.0.1/", "http://exa\0mple.com/",
        "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://127.1/",
        "http://127.0.1/", "http://0/", "http://1.2.3.4.5/", "http://256.1.1.1/", "http://１２７.1/",
        "http://%31%32%37.0.0.1/", "http://[::1%25lo]/", "http://[fe80::1%eth0]/", "http://[::1/", "http://::1/",
        "http://[v1.x]/", "http://[1.2.3.4]/", "http://[::ffff:1.2.3.4]x/", "http://a..b/", "http://-a.example/",
        "http://" + "a" * 64 + ".example/", "http://" + "a." * 200 + "example/", "http://example.com/" + "a" * 9000,
        "http://ex＠ample.com/", "http://example.com／@x/", "http://exam%70le.com/", "http://☃" + "☃" * 70 + "/",
    ],
)  # fmt: skip
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        read_target(url, ALL_PORTS)


def test_a_host_written_in_other_digits_is_read_as_the_address_it_is() -> None:
    assert read_target("http://１２７。０。０。１/", PUBLIC).host == "127.0.0.1"
    assert read_target("http://[::FFFF:7F00:1]/", PUBLIC).host == "::ffff:7f00:1"


def test_only_the_usual_ports_are_open_unless_the_operator_says_so() -> None:
    for port in (1, 22, 81, 6379, 8080):
        with pytest.raises(UrlRefused, match=str(port)):
            read_target(f"http://example.com:{port}/", PUBLIC)
    assert read_target("http://example.com:443/", PUBLIC).port == 443
    assert read_target("http://example.com:8443/", make_gate(ports=(80, 8443))).port == 8443
    assert read_target("http://example.com:22/", ALL_PORTS).port == 22


def test_a_redirect_goes_through_the_same_gate() -> None:
    start = read_target("https://example.com/a/b?c", PUBLIC)
    assert follow(start, "/x", PUBLIC).url == "https://example.com/x"
    assert follow(start, "y?z=1", PUBLIC).url == "https://example.com/a/y?z=1"
    assert follow(start, "//other.example/v", PUBLIC).url == "https://other.example/v"
    assert follow(start, " http://other.example/v ", PUBLIC).scheme == "http"
    for place in (
        "ftp://x/",
        "http://x:22/",
        "http://u@x/",
        "file:///etc/passwd",
        "http://2130706433/",
        "http://a b/",
    ):
        with pytest.raises(UrlRefused):
            follow(start, place, PUBLIC)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (
        text,
        f"http://{text}",
        f"http://{text}/",
        f"http://example.com{text}",
        f"http://example.com/{text}",
    ):
        try:
            target = read_target(url, ALL_PORTS)
        except UrlRefused:
            continue
        assert target.scheme in {"http", "https"}
        assert target.host.isascii()
        assert target.host == target.host.lower()
        assert target.path.startswith("/")
        assert target.path.isascii()
        assert not set(target.path) & set(" \r\n\t\0\\")
        assert read_target(target.url, ALL_PORTS) == target, "reading is stable"


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "127.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "0.0.0.0"]
)
def test_an_address_in_place_of_a_name_is_judged_at_once(host: str) -> None:
    assert read_target(f"http://{host}/", PUBLIC).host
    with pytest.raises(UrlRefused, match="not public"):
        read_reachable(f"http://{host}/", PUBLIC)


def test_names_public_addresses_and_allowed_ones_may_be_reached() -> None:
    for host in ("inner.example", "8.8.8.8", "[2606:4700::1111]"):
        assert read_reachable(f"https://{host}/x", PUBLIC) == read_target(f"https://{host}/x", PUBLIC)
    assert read_reachable("http://10.0.0.1/", make_gate(["10.0.0.0/8"])).host == "10.0.0.1"
