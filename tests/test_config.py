"""chanbridge.toml: typed settings, or every problem with file, line, key and mend."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

import chanbridge as cb
from chanbridge.config import AccountSettings, Settings, account_from, load_settings
from chanbridge.config_source import key_lines
from chanbridge.registry import Registry

PIGEON = """\
[accounts.pigeon-main]
channel = "pigeon"
number = "+12025550100"
api_key = "env:PIGEON_API_KEY"
webhook_secret = "file:secrets/pigeon"
"""


class PigeonConfig(Struct, frozen=True, kw_only=True):
    number: Annotated[str, Meta(description="Sender, E.164", pattern=r"^\+[1-9]\d{6,14}$")]
    api_key: Annotated[cb.Secret, Meta(description="Key from Settings > API")]
    webhook_secret: Annotated[cb.Secret, Meta(description="Signs every callback")]
    region: Literal["eu", "us"] = "eu"
    retries: int = 3
    pool: tuple[str, ...] = ()
    backup_key: cb.Secret | None = None
    base_url: str = "https://api.pigeon.example/v2"


class Pigeon(cb.Channel[PigeonConfig]):
    name = "pigeon"
    Config = PigeonConfig

    def __init__(self, account):
        super().__init__(account)
        if self.config.retries > 9:
            raise cb.ConfigError("retries: the provider blocks after 9", "and it is late")
        if self.config.retries < 0:
            raise RuntimeError("env-secret")


class Plain(cb.Channel[Struct]):
    name = "plain"

    class Config(Struct, frozen=True):
        pass


@pytest.fixture
def registry() -> Registry:
    registry = Registry(lambda group: [])
    registry.add(Pigeon)
    registry.add(Plain)
    return registry


@pytest.fixture
def load(tmp_path: Path, registry: Registry):
    """Write a configuration and load it."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "pigeon").write_text("file-secret\n")

    def write_and_load(text: str, *, literal: bool = False, **environ: str) -> Settings:
        file = tmp_path / "chanbridge.toml"
        file.write_text(text)
        environ = {"PIGEON_API_KEY": "env-secret", **environ}
        return load_settings(file, registry=registry, environ=environ, allow_literal_secrets=literal)

    return write_and_load


def problems_of(load, text: str, **environ: str) -> list[str]:
    with pytest.raises(cb.ConfigError) as caught:
        load(text, **environ)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def test_an_account_is_typed_and_its_secrets_are_read(load):
    account = load(PIGEON).accounts["pigeon-main"]

    assert isinstance(account, AccountSettings)
    assert (account.name, account.channel) == ("pigeon-main", "pigeon")
    assert account.config == PigeonConfig(
        number="+12025550100", api_key=cb.Secret("env-secret"), webhook_secret=cb.Secret("file-secret")
    )


def test_settings_have_sensible_defaults_beside_their_file(load, tmp_path):
    settings = load("")

    assert settings.store == f"sqlite:///{tmp_path}/chanbridge.db"
    assert (settings.media, settings.vault) == (tmp_path / "chanbridge-media", tmp_path / "chanbridge.vault")
    assert (settings.listen.host, settings.listen.port) == ("127.0.0.1", 8080)
    assert settings.limits.body == 4 * 1024 * 1024
    assert settings.policy.max_loss == "affordance"


def test_every_problem_is_reported_at_once_with_file_line_key_and_mend(load):
    text = PIGEON.replace("+12025550100", "202 555").replace("webhook_secret", "webhook_secrett")

    assert problems_of(load, "nonsense = 1\n\n" + text) == [
        "chanbridge.toml:1: nonsense: Additional properties are not allowed ('nonsense' was unexpected): "
        "known are: accounts, allow_literal_secrets, limits, listen, media, policy, public_url, store, "
        "vault",
        "chanbridge.toml:3: accounts.pigeon-main: 'webhook_secret' is a required property "
        "(Signs every callback)",
        "chanbridge.toml:5: accounts.pigeon-main.number: '202 555' does not match "
        r"'^\\+[1-9]\\d{6,14}$' (Sender, E.164)",
        "chanbridge.toml:7: accounts.pigeon-main.webhook_secrett: Additional properties are not allowed "
        "('webhook_secrett' was unexpected): did you mean 'webhook_secret'?",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('region = "mars"', "accounts.pigeon-main.region: 'mars' is not one of ['eu', 'us']"),
        ('retries = "3"', "accounts.pigeon-main.retries: '3' is not of type 'integer'"),
        ("pool = [1]", "accounts.pigeon-main.pool.0: 1 is not of type 'string'"),
        ("retries = {a = 1}", "accounts.pigeon-main.retries: is not of type 'integer'"),
        (
            "backup_key = 7",
            'accounts.pigeon-main.backup_key: a secret is text: write "env:NAME" or "file:PATH"',
        ),
        (
            'backup_key = "env:NOT_SET"',
            "accounts.pigeon-main.backup_key: the environment variable NOT_SET is not set",
        ),
        (
            'backup_key = "env:EMPTY"',
            "accounts.pigeon-main.backup_key: the environment variable EMPTY is empty",
        ),
        (
            'backup_key = "env:BLANK"',
            "accounts.pigeon-main.backup_key: the environment variable BLANK is empty",
        ),
        (
            'backup_key = "env:"',
            'accounts.pigeon-main.backup_key: what follows "env:" is no name of an environment variable',
        ),
        (
            'backup_key = "file:secrets/none"',
            "accounts.pigeon-main.backup_key: file:secrets/none cannot be read: FileNotFoundError",
        ),
        (
            "policy = {handler_timeout_s = nan}",
            "accounts.pigeon-main.policy.handler_timeout_s: must be a finite number",
        ),
        (
            "policy = {handler_slow_s = inf}",
            "accounts.pigeon-main.policy.handler_slow_s: must be a finite number",
        ),
        (
            'policy = {max_loss = "huge"}',
            "accounts.pigeon-main.policy.max_loss: 'huge' is not one of "
            "['none', 'presentation', 'affordance', 'content', 'rejected']",
        ),
        (
            "policy = {max_stepz = 1}",
            "accounts.pigeon-main.policy.max_stepz: Additional properties are not allowed "
            "('max_stepz' was unexpected): did you mean 'max_steps'?",
        ),
    ],
)
def test_a_wrong_setting_is_named(load, line, problem):
    assert problems_of(load, f"{PIGEON}{line}\n", EMPTY="", BLANK=" \n") == [f"chanbridge.toml:6: {problem}"]


def test_what_a_channel_finds_wrong_with_its_settings_is_reported_at_their_lines(load):
    assert problems_of(load, f"{PIGEON}retries = 10\n") == [
        "chanbridge.toml:1: accounts.pigeon-main: and it is late",
        "chanbridge.toml:6: accounts.pigeon-main.retries: the provider blocks after 9",
    ]


def test_a_channel_that_cannot_be_set_up_is_named_without_its_words(load):
    settings = load(f"{PIGEON}retries = -1\n")

    assert settings.broken == {"pigeon-main": "pigeon: cannot be set up: RuntimeError"}
    assert settings.accounts == {}


def test_a_literal_secret_is_refused_and_not_repeated(load):
    text = PIGEON.replace("env:PIGEON_API_KEY", "hunter2-TEST")

    [problem] = problems_of(load, text)

    assert problem == (
        "chanbridge.toml:4: accounts.pigeon-main.api_key: a literal secret: write "
        '"env:NAME" or "file:PATH", or allow it with --allow-literal-secrets'
    )


def test_a_literal_secret_is_taken_where_it_is_allowed(load):
    text = PIGEON.replace("env:PIGEON_API_KEY", "hunter2-TEST")

    by_flag = load(text, literal=True)
    by_file = load("allow_literal_secrets = true\n" + text)

    for settings in (by_flag, by_file):
        assert settings.accounts["pigeon-main"].config.api_key.reveal() == "hunter2-TEST"


@pytest.mark.parametrize("empty", ["", " ", "\\t\\n"])
def test_an_empty_secret_is_refused_where_literal_ones_are_allowed(load, empty):
    text = "allow_literal_secrets = true\n" + PIGEON.replace("env:PIGEON_API_KEY", empty)

    [problem] = problems_of(load, text)

    assert problem == (
        "chanbridge.toml:5: accounts.pigeon-main.api_key: the secret is empty: "
        'write "env:NAME" or "file:PATH"'
    )


@pytest.mark.parametrize("broken", ["env:", "env: ", "env:A-B", "env:1"])
def test_a_reference_to_no_variable_is_no_literal_secret(load, broken):
    text = "allow_literal_secrets = true\n" + PIGEON.replace("env:PIGEON_API_KEY", broken)

    [problem] = problems_of(load, text)

    assert problem.endswith('api_key: what follows "env:" is no name of an environment variable')


WRAPPED = ["TOK\n", "TOK\r", "TOK\r\n", " \tTOK ", "\ufeffTOK", "\ufeff TOK\r\n"]


@pytest.mark.parametrize("wrapped", WRAPPED)
def test_what_stands_around_a_secret_is_no_part_of_it(load, tmp_path, wrapped):
    (tmp_path / "wrapped").write_text(wrapped, encoding="utf-8", newline="")
    text = PIGEON + 'backup_key = "file:wrapped"\n'

    config = load(text, PIGEON_API_KEY=wrapped).accounts["pigeon-main"].config

    assert config.api_key.reveal() == "TOK"
    assert config.backup_key.reveal() == "TOK"


BROKEN = "the secret holds a line break or another control character: write it on one line"


@pytest.mark.parametrize(
    "broken", ["TOK\nEN", "TOK\r\nEN", "TOK\x00EN", "TOK\x1bEN", "TOK\x7fEN", "TOK\x85EN"]
)
def test_a_secret_that_breaks_in_the_middle_is_refused_and_not_repeated(load, tmp_path, broken):
    (tmp_path / "broken").write_text(broken, encoding="utf-8", newline="")

    assert problems_of(load, PIGEON + 'backup_key = "file:broken"\n', PIGEON_API_KEY=broken) == [
        f"chanbridge.toml:4: accounts.pigeon-main.api_key: {BROKEN}",
        f"chanbridge.toml:6: accounts.pigeon-main.backup_key: {BROKEN}",
    ]


def test_a_literal_secret_that_breaks_is_refused_where_literal_ones_are_allowed(load):
    text = "allow_literal_secrets = true\n" + PIGEON.replace("env:PIGEON_API_KEY", "TOK\\nEN")

    assert problems_of(load, text) == [f"chanbridge.toml:5: accounts.pigeon-main.api_key: {BROKEN}"]


@pytest.mark.parametrize(
    "key", ["-----BEGIN TEST KEY-----\nAAAA\n-----END TEST KEY-----", '{\n  "type": "service"\n}']
)
def test_a_key_that_is_a_document_keeps_its_lines(load, key):
    assert load(PIGEON, PIGEON_API_KEY=f"{key}\n").accounts["pigeon-main"].config.api_key.reveal() == key


def test_a_byte_order_mark_alone_is_an_empty_secret(load):
    [problem] = problems_of(load, PIGEON, PIGEON_API_KEY="\ufeff\n")

    assert problem.endswith("api_key: the environment variable PIGEON_API_KEY is empty")


def test_no_problem_and_no_repr_shows_a_secret(load):
    text = PIGEON.replace('"+12025550100"', "5") + 'region = "moon"\n'

    shown = str(problems_of(load, text)) + repr(load(PIGEON, CHANBRIDGE_STORE="postgresql://u:store-pw@db/x"))

    assert "env-secret" not in shown
    assert "file-secret" not in shown
    assert "store-pw" not in shown


def test_any_setting_may_come_from_the_environment(load):
    text = 'store = "env:DB_URL"\n' + PIGEON.replace("+12025550100", "env:NUMBER")

    settings = load(text, DB_URL="postgresql://db.example.com/x", NUMBER="+12025550199")

    assert settings.store == "postgresql://db.example.com/x"
    assert settings.accounts["pigeon-main"].config.number == "+12025550199"


def test_the_environment_overrides_the_file(load, tmp_path):
    text = 'store = "sqlite:///a.db"\npublic_url = "https://a.example.com"\n'

    settings = load(text, CHANBRIDGE_STORE="sqlite:///b.db", CHANBRIDGE_PUBLIC_URL="https://b.example.com/x/")

    assert (settings.store, settings.public_url) == (f"sqlite:///{tmp_path}/b.db", "https://b.example.com/x")


@pytest.mark.parametrize("behind", ["?team=a", "/hooks?team=a", "?", "#top", "/hooks#top"])
def test_a_public_url_has_nothing_behind_its_path_as_webhooks_are_appended_to_it(load, behind):
    [problem] = problems_of(load, f'public_url = "https://x.example{behind}"\n')

    assert problem.startswith("chanbridge.toml:1: public_url: ")
    assert problem.endswith("(an http(s) URL without a query or fragment)")


@pytest.mark.parametrize("good", ["", "https://x.example", "http://x.example:8080/hooks/"])
def test_a_public_url_may_have_a_path(load, good):
    assert load(f'public_url = "{good}"\n').public_url == good.rstrip("/")


def test_the_environment_names_the_file(tmp_path, registry):
    (tmp_path / "other.toml").write_text(PIGEON.replace("file:secrets/pigeon", "env:PIGEON_API_KEY"))
    environ = {"CHANBRIDGE_CONFIG": str(tmp_path / "other.toml"), "PIGEON_API_KEY": "k"}

    assert list(load_settings(registry=registry, environ=environ).accounts) == ["pigeon-main"]


def test_a_channel_that_is_not_installed_says_what_to_install(load):
    assert problems_of(load, '[accounts.fax]\nchannel = "fax"\nnumber = "1"\n') == [
        "chanbridge.toml:2: accounts.fax.channel: no channel 'fax': install chanbridge-fax"
    ]


def test_an_account_without_a_channel_is_named(load):
    assert problems_of(load, '[accounts.x]\nnumber = "1"\n') == [
        "chanbridge.toml:1: accounts.x: 'channel' is a required property"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[accounts."a b"]\nchannel = "plain"\n', "1: accounts.a b: no name for an account: "),
        ("[accounts]\nx = 1\n", "2: accounts.x: must be a table: [accounts.x]"),
        ("accounts = 1\n", "1: accounts: must be tables: [accounts.NAME]"),
    ],
)
def test_an_account_is_a_table_with_a_name_that_can_stand_in_a_url(load, text, problem):
    [found] = problems_of(load, text)

    assert found.startswith(f"chanbridge.toml:{problem}")


def test_the_line_of_an_account_is_found_whatever_its_name_is_written_with(load):
    problems = problems_of(load, PIGEON + '\n[accounts."a b/c\\"x"]\nchannel = "plain"\n')

    assert [problem.partition(": no name")[0] for problem in problems] == [
        'chanbridge.toml:7: accounts.a b/c"x'
    ]


def test_an_account_may_set_its_base_url(load):
    settings = load(f'{PIGEON}base_url = "http://127.0.0.1:9001"\n')

    assert settings.accounts["pigeon-main"].config.base_url == "http://127.0.0.1:9001"


def test_a_base_url_that_its_channel_does_not_know_is_a_problem(load):
    text = f'{PIGEON}\n[accounts.p]\nchannel = "plain"\nbase_url = "http://x"\n'

    [found] = problems_of(load, text)

    assert "accounts.p.base_url" in found


def test_an_accounts_policy_changes_single_points_of_the_general_one(load):
    general = '[policy]\nmax_loss = "content"\nmax_steps = 9\n\n'
    text = f'{general}{PIGEON}policy = {{max_steps = 2, on_unknown = "repeat"}}\n'

    settings = load(text)

    policy = settings.accounts["pigeon-main"].policy
    assert (policy.max_loss, policy.max_steps, policy.on_unknown) == ("content", 2, "repeat")
    assert (settings.policy.max_steps, settings.policy.on_unknown) == (9, "park")


def test_a_wrong_general_policy_is_reported_once(load):
    assert problems_of(load, f'[policy]\nmax_steps = "x"\n\n{PIGEON}') == [
        "chanbridge.toml:2: policy.max_steps: 'x' is not of type 'integer'"
    ]


def test_the_webhook_of_an_unsigned_channel_has_a_secret_path_and_known_senders(load):
    text = '[accounts.p]\nchannel = "plain"\npath_token = "env:TOKEN"\nallow_from = ["192.0.2.0/24"]\n'

    account = load(text, TOKEN="t-TEST").accounts["p"]

    assert account.path_token == cb.Secret("t-TEST")
    assert account.allow_from == ("192.0.2.0/24",)


def test_a_file_that_is_not_there_says_how_to_write_one(registry):
    with pytest.raises(cb.ConfigError, match=r"^none\.toml: no such file: write it with 'chanbridge init'$"):
        load_settings("none.toml", registry=registry, environ={})


def test_broken_toml_is_located_without_being_quoted(load):
    [problem] = problems_of(load, "[accounts.x]\nkey = 'hunter2' 'hunter2'\n")

    assert problem.startswith("chanbridge.toml: no valid TOML: ")
    assert "line 2" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hunter2", "Expected '=' after a key in a key/value pair (at end of document)"),
        (
            "[accounts.loft]\n[accounts.loft]\n",
            "Cannot declare ('accounts', 'loft') twice (at line 2, column 15)",
        ),
        ("a = {api_key=1,api_key=2}", "Duplicate inline table key 'api_key' (at line 1, column 25)"),
        ("a = {sk-Hunter2=1,sk-Hunter2=2}", "Duplicate inline table key '...' (at line 1, column 31)"),
        ('a = {"it\'s"=1,"it\'s"=2}', "Duplicate inline table key '...' (at line 1, column 23)"),
        ("a = 'x\ny'", "Found invalid character '\\n' (at line 1, column 7)"),
        ('a = "\\q"', "Unescaped '\\' in a string (at line 1, column 8)"),
        ("a = [1 2]", "Unclosed array (at line 1, column 8)"),
    ],
)
def test_an_error_of_toml_keeps_its_marks_and_keys_that_are_words(load, text, said):
    assert problems_of(load, text) == [f"chanbridge.toml: no valid TOML: {said}"]


def test_the_line_of_a_key_is_found_whatever_stands_around_it():
    text = (
        "# [a.comment]\n"
        'a.b = """\n'
        "[not.a.table]\n"
        "c = 1\n"
        '"""\n'
        "[ t . 'x y' ] # note\n"
        "list = [\n"
        '  ["t"],\n'
        "]\n"
        "[[many]]\n"
        "z = 1\n"
        "[[many]]\n"
        "z = 2\n"
    )
    import tomllib

    lines = dict(key_lines(text, tomllib.loads(text)))

    assert lines[("a", "b")] == 2
    assert lines[("t", "x y")] == 6
    assert lines[("t", "x y", "list")] == 7
    assert lines[("many",)] == 12
    assert ("a", "c") not in lines
    assert ("c",) not in lines


@given(st.lists(st.from_regex(r"\A[a-z][a-z0-9_-]{0,8}\Z"), min_size=1, max_size=8, unique=True))
def test_every_key_of_a_flat_table_is_on_its_own_line(keys):
    text = "".join(f"{key} = {index}\n" for index, key in enumerate(keys))

    lines = dict(key_lines(text, dict.fromkeys(keys, 0)))

    assert lines == {(key,): number for number, key in enumerate(keys, 1)}


def test_an_account_of_literal_settings_may_hold_secrets(registry):
    account = account_from(
        "pigeon",
        {
            "number": "+12025550100",
            "api_key": "literal",
            "webhook_secret": "s",
            "retries": "5",
            "pool": '["a"]',
        },
        registry=registry,
    )

    assert account.config.api_key.reveal() == "literal"
    assert (account.config.retries, account.config.pool, account.missing) == (5, ("a",), ())


@pytest.mark.parametrize("empty", ["", "  ", "env:"])
def test_an_empty_literal_setting_is_no_secret(registry, empty):
    with pytest.raises(cb.ConfigError, match=r"^--set: api_key: "):
        account_from("pigeon", {"number": "+12025550100", "api_key": empty}, registry=registry)


@pytest.mark.parametrize("keys", [("a", "a.b"), ("a.b", "a")])
def test_a_setting_is_no_table_and_a_value_at_once(registry, keys):
    with pytest.raises(cb.ConfigError, match=r"^--set: a(\.b)?: .*is set already"):
        account_from("pigeon", dict.fromkeys(keys, "1"), registry=registry)


def test_what_a_literal_account_lacks_is_stood_in_for_and_named(registry):
    account = account_from("pigeon", {"number": "+12025550100"}, registry=registry)

    assert account.missing == ("api_key", "webhook_secret")
    assert not account.config.api_key


def test_a_literal_setting_that_does_not_fit_is_named(registry):
    with pytest.raises(cb.ConfigError) as caught:
        account_from("pigeon", {"region": "mars", "retries": "many", "colour": "red"}, registry=registry)

    assert [problem.split(": ")[1] for problem in caught.value.problems] == ["region", "retries", "colour"]
