from __future__ import annotations

import pytest

import chanbridge as cb
from chanbridge.accounts import Accounts, Configured, Door
from chanbridge.secret import empty_secrets
from tests.channels import NOW, Clock, Magpie, MagpieConfig, Pigeon, PigeonConfig, PlainConfig, Sparrow

FIRST, SECOND = "+12025550100", "+12025550101"
TOKEN = cb.Secret("TEST-path-token-1234")


def accounts(*entries):
    return Accounts.of(
        entries
        or [("main", Pigeon, PigeonConfig(number=FIRST)), ("shop", Pigeon, PigeonConfig(number=SECOND))],
        public_url="https://hooks.example.com/channels/",
        clock=Clock(),
    )


class Asked:
    """Stands for ``verify``: remembers who was asked, and accepts some."""

    def __init__(self, *accepting: str) -> None:
        self.accepting = accepting
        self.names: list[str] = []

    async def __call__(self, name: str) -> bool:
        self.names.append(name)
        return name in self.accepting


def test_an_account_knows_its_name_its_webhook_url_and_the_time():
    channel = accounts()["shop"]

    assert channel.account.name == "shop"
    assert channel.account.webhook_url == "https://hooks.example.com/channels/in/shop"
    assert channel.account.now() == NOW


def test_without_a_public_url_an_account_has_no_webhook_url():
    assert Accounts.of([("main", Pigeon, PigeonConfig())])["main"].account.webhook_url == ""


def test_two_accounts_of_one_name_are_refused():
    with pytest.raises(cb.ConfigError, match=r"accounts\.main: the name occurs twice"):
        accounts(("main", Pigeon, PigeonConfig()), ("main", Magpie, MagpieConfig()))


@pytest.mark.parametrize("account_id", ["", FIRST])
async def test_an_event_of_the_urls_own_account_is_never_verified_twice(account_id):
    asked = Asked()

    assert await accounts().owner_of("main", account_id, asked) == "main"
    assert asked.names == []


async def test_an_event_goes_to_the_account_it_names_if_that_accepts_the_request():
    asked = Asked("shop")

    assert await accounts().owner_of("main", SECOND, asked) == "shop"
    assert asked.names == ["shop"]


async def test_an_event_that_its_account_does_not_accept_reaches_nobody():
    assert await accounts().owner_of("main", SECOND, Asked()) is None


async def test_an_event_of_an_account_that_is_not_configured_reaches_nobody():
    assert await accounts().owner_of("main", "+12025550199", Asked("main", "shop")) is None


async def test_an_id_of_one_channel_never_names_an_account_of_another():
    class Raven(Magpie):
        name = "raven"

        def owns(self, account_id):
            return True

    both = accounts(("main", Pigeon, PigeonConfig()), ("raven", Raven, MagpieConfig()))

    assert await both.owner_of("main", "+12025550199", Asked("raven")) is None


def test_a_channel_that_signs_nothing_needs_a_path_that_nobody_guesses():
    with pytest.raises(cb.ConfigError, match=r"accounts\.sp: Sparrow signs nothing.*path_token"):
        accounts(("sp", Sparrow, PlainConfig()))


def test_the_secret_path_is_part_of_the_webhook_url():
    made = accounts(Configured("sp", Sparrow, PlainConfig(), path_token=TOKEN))

    assert made["sp"].account.webhook_url.endswith("/in/sp/TEST-path-token-1234")


@pytest.mark.parametrize("token", ["short", "with a space in it!!", "ünguessable-ünguessable"])
def test_a_token_that_can_be_guessed_or_mangled_is_refused(token):
    with pytest.raises(cb.ConfigError, match=r"path_token: use 16 to 128") as refused:
        accounts(Configured("sp", Sparrow, PlainConfig(), path_token=cb.Secret(token)))
    assert token not in str(refused.value)


@pytest.mark.parametrize("empty", ["", " \n"])
def test_an_empty_secret_is_refused_whoever_built_the_configuration(empty):
    config = PigeonConfig(api_key=cb.Secret(empty), webhook_secret=cb.Secret(empty))

    with pytest.raises(cb.ConfigError) as refused:
        accounts(Configured("main", Pigeon, config, path_token=cb.Secret(empty)))

    assert refused.value.problems == tuple(
        f"accounts.main.{key}: the secret is empty: give one, or leave it out"
        for key in ("api_key", "webhook_secret", "path_token")
    )


def test_an_empty_secret_is_found_however_deep_it_lies():
    config = {"keys": [PigeonConfig(), PigeonConfig(api_key=cb.Secret(""))]}

    assert list(empty_secrets(config)) == ["keys.1.api_key"]


def test_a_wrong_network_is_named():
    with pytest.raises(cb.ConfigError, match=r"accounts\.main\.allow_from: .*300"):
        accounts(Configured("main", Pigeon, PigeonConfig(), allow_from=("300.1.1.1",)))


@pytest.mark.parametrize(
    ("below", "peer", "reason"),
    [
        ("secret", "192.0.2.7", ""),
        ("secret/status", "192.0.2.200", ""),
        ("secret", "::ffff:192.0.2.7", ""),
        ("secret", "2001:db8::1", ""),
        ("", "192.0.2.7", "path_token"),
        ("secret2", "192.0.2.7", "path_token"),
        ("ſecret", "192.0.2.7", "path_token"),
        ("secret", "198.51.100.1", "address"),
        ("secret", "", "address"),
    ],
)
def test_a_door_opens_to_the_secret_path_and_the_listed_addresses(below, peer, reason):
    door = Door("secret", ["192.0.2.0/24", "2001:db8::/32"])

    assert door.refuses(below, peer) == reason


def test_a_door_without_a_list_lets_every_address_in():
    assert Door("secret", []).refuses("secret", "") == ""
