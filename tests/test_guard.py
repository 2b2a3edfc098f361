"""Other people's URLs never lead into our own network."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chanbridge.guard import check_target, check_url, look_up, public
from chanbridge.model.errors import SendError

PUBLIC = [
    "93.184.216.34",
    "8.8.8.8",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::",
]
PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "fc00::1", "fd12:3456::1", "fe80::1", "ff02::1", "2001:db8::1", "2001::1", "100::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "5f00::1", "fec0::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_open_internet_is_public(address: str):
    assert public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_every_other_address_is_not(address: str):
    assert not public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
@example(ipaddress.IPv4Address("127.0.0.1"))
@example(ipaddress.IPv4Address("8.8.8.8"))
def test_an_address_wrapped_in_ipv6_counts_as_what_it_is(address: ipaddress.IPv4Address):
    number = int(address)
    mapped = ipaddress.IPv6Address((0xFFFF << 32) | number)
    nat64 = ipaddress.IPv6Address((0x64FF9B << 96) | number)
    sixtofour = ipaddress.IPv6Address((0x2002 << 112) | (number << 80))

    assert public(mapped) == public(nat64) == public(sixtofour) == public(address)


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address):
    if address.is_loopback or address.is_link_local or address.is_multicast:
        assert not public(address)


@pytest.mark.parametrize(
    "url", ["https://files.example/a.jpg?x=1#y", "http://files.example:80/", "https://8.8.8.8/"]
)
def test_an_ordinary_url_is_taken(url: str):
    assert check_url(url).geturl() == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://files.example/a", "http and https"),
        ("file:///etc/passwd", "http and https"),
        ("gopher://files.example/", "http and https"),
        ("//files.example/a", "http and https"),
        ("", "http and https"),
        ("https://user:pw@files.example/", "names a user"),
        ("https://user@files.example/", "names a user"),
        ("https:///a", "no host"),
        ("https://files%2eexample/", "no host"),
        ("https://fi les.example/", "no host"),
        ("https://evil.example\\@files.example/", "names a user"),
        ("https://[fe80::1%25eth0]/", "no host"),
        ("https://[::1/", "no URL"),
        ("https://files.example:99999/", "no URL"),
        ("https://files.example:22/", "port"),
        ("http://files.example:443/", "port"),
        ("https://127.0.0.1/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
        ("https://127.1/", "oddly"),
        ("https://2130706433/", "oddly"),
        ("https://0x7f.0.0.1/", "oddly"),
        ("https://0x7f000001/", "oddly"),
        ("https://017700000001/", "oddly"),
        ("https://127.0.0.1./", "oddly"),
    ],
)
def test_a_strange_url_is_refused_with_its_reason(url: str, problem: str):
    with pytest.raises(SendError, match=problem) as caught:
        check_url(url)

    assert caught.value.code == "media_unavailable"
    assert not caught.value.retryable


def test_a_closed_network_may_be_allowed_but_no_odd_scheme_with_it():
    assert check_url("http://127.0.0.1:9000/", allow_private=True).port == 9000
    with pytest.raises(SendError):
        check_url("file:///etc/passwd", allow_private=True)


async def answering(*addresses: str) -> list[str]:
    return list(addresses)


async def test_the_addresses_that_were_checked_come_with_the_answer():
    target = await check_target("https://files.example/", resolve=lambda host, port: answering(*PUBLIC[:2]))

    assert (target.host, target.port, target.addresses) == ("files.example", 443, tuple(PUBLIC[:2]))


@pytest.mark.parametrize("address", PRIVATE)
async def test_one_private_address_among_public_ones_refuses_the_name(address: str):
    with pytest.raises(SendError, match="not public"):
        await check_target("https://files.example/", resolve=lambda *_: answering("8.8.8.8", address))


async def test_a_name_without_an_address_may_have_one_later():
    with pytest.raises(SendError) as caught:
        await check_target("https://files.example/", resolve=lambda *_: answering())

    assert caught.value.retryable


async def test_a_literal_address_is_not_looked_up():
    async def never(host: str, port: int) -> list[str]:
        raise AssertionError("it was looked up")

    assert (await check_target("http://8.8.8.8/", resolve=never)).addresses == ("8.8.8.8",)


async def test_a_look_up_that_fails_names_the_host(monkeypatch: pytest.MonkeyPatch):
    def fail(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    with pytest.raises(SendError, match=r"cannot look up files\.example"):
        await look_up("files.example", 443)
