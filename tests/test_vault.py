"""Grants are kept where only their owner reads them, and renewed by one at a time."""

# ruff: noqa: ASYNC240  (a small file in a test)

from __future__ import annotations

import asyncio
import datetime as dt
import stat
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import pytest

from chanbridge.channel import Account, Channel, Grant
from chanbridge.model.errors import ConfigError, SendError
from chanbridge.transport.grants import GrantKeeper, usable
from chanbridge.vault import FileVault, load_key

NOW = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


class Config(msgspec.Struct, frozen=True):
    base_url: str = "https://api.pigeon.example"


def channel(name: str = "main") -> Channel[Config]:
    return Channel(Account(name, Config()))


def ends(token: str, after: dt.timedelta) -> Grant:
    return Grant(token=token, expires_at=NOW + after, refresh=f"refresh-{token}")


class Counting(FileVault):
    leases = 0

    def lease(self, account: str) -> AbstractAsyncContextManager[None]:
        self.leases += 1
        return super().lease(account)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chanbridge.vault"


@pytest.fixture
def vault(path: Path) -> FileVault:
    return FileVault(path)


class Provider:
    """Trades grants, as slowly as the test wants, and keeps what it was given."""

    def __init__(self, delay: float = 0) -> None:
        self.traded: list[Grant | None] = []
        self._delay = delay

    async def __call__(self, old: Grant | None) -> Grant:
        self.traded.append(old)
        await asyncio.sleep(self._delay)
        return ends(f"token-{len(self.traded)}", HOUR)


class TestTheFile:
    async def test_a_grant_outlives_the_vault_that_kept_it(self, vault: FileVault, path: Path):
        grant = Grant(token="t", expires_at=NOW, refresh="r", extra={"scope": ["a"]})

        await vault.put("main", grant, 0)

        kept = await FileVault(path).get("main")
        assert kept is not None
        assert (kept.grant, kept.version) == (grant, 1)
        assert await vault.get("other") is None

    async def test_only_its_owner_can_read_it(self, vault: FileVault, path: Path):
        await vault.put("main", Grant(token="t"), 0)

        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    async def test_one_that_others_can_read_is_refused_with_the_mend(self, vault: FileVault, path: Path):
        await vault.put("main", Grant(token="topsecret"), 0)
        path.chmod(0o640)

        with pytest.raises(ConfigError, match="chmod 600") as caught:
            await vault.get("main")

        assert "topsecret" not in str(caught.value)

    async def test_a_damaged_one_is_refused_without_showing_it(self, vault: FileVault, path: Path):
        path.touch(0o600)
        path.write_text('{"main": "topsecret"}')

        with pytest.raises(ConfigError, match="no vault") as caught:
            await vault.get("main")

        assert "topsecret" not in repr(caught.value)
        assert caught.value.__cause__ is None

    async def test_a_grant_is_replaced_only_by_who_saw_it(self, vault: FileVault):
        assert await vault.put("main", Grant(token="1"), 0)
        assert not await vault.put("main", Grant(token="2"), 0)
        assert await vault.put("main", Grant(token="3"), 1)

        kept = await vault.get("main")
        assert kept is not None
        assert kept.grant.token == "3"

    async def test_a_forgotten_grant_is_gone_and_the_others_stay(self, vault: FileVault):
        await vault.put("main", Grant(token="1"), 0)
        await vault.put("other", Grant(token="2"), 0)

        await vault.forget("main")

        assert await vault.get("main") is None
        assert await vault.get("other") is not None

    async def test_accounts_written_at_once_are_all_kept(self, path: Path):
        names = [f"account-{number}" for number in range(8)]

        await asyncio.gather(*[FileVault(path).put(name, Grant(token=name), 0) for name in names])

        kept = [await FileVault(path).get(name) for name in names]
        assert [entry.grant.token for entry in kept if entry] == names

    async def test_no_draft_is_left_beside_it(self, vault: FileVault, path: Path):
        await vault.put("main", Grant(token="1"), 0)

        assert sorted(entry.name for entry in _listed(path.parent)) == [path.name, f"{path.name}.lock"]

    async def test_a_lease_holds_off_another_process_until_it_ends(self, vault: FileVault, path: Path):
        code = (
            "import asyncio, pathlib, sys\n"
            "from chanbridge.vault import FileVault\n"
            "async def main():\n"
            "    async with FileVault(pathlib.Path(sys.argv[1])).lease('a/b'):\n"
            "        print('got it', flush=True)\n"
            "asyncio.run(main())\n"
        )
        command = [sys.executable, "-c", code, str(path)]
        async with vault.lease("a/b"):
            other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
            with pytest.raises(subprocess.TimeoutExpired):
                await asyncio.to_thread(other.wait, 1)

        said, _ = await asyncio.to_thread(other.communicate, timeout=20)
        assert said == "got it\n"


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir())


class TestTheKey:
    def test_it_is_made_once_and_only_its_owner_reads_it(self, path: Path):
        key = load_key(path)

        assert len(key) == 32
        assert load_key(path) == key
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]

    def test_one_that_is_too_short_or_open_is_refused(self, path: Path):
        path.touch(0o600)
        with pytest.raises(ConfigError, match="no key"):
            load_key(path)
        path.chmod(0o644)
        with pytest.raises(ConfigError, match="chmod 600"):
            load_key(path)


class TestTheKeeper:
    def test_a_grant_is_renewed_a_minute_before_it_ends(self):
        assert usable(ends("t", dt.timedelta(seconds=61)), None, NOW)
        assert not usable(ends("t", dt.timedelta(seconds=60)), None, NOW)
        assert usable(Grant(token="t"), None, NOW)
        assert not usable(Grant(token="t"), Grant(token="t"), NOW)

    async def test_the_first_grant_is_asked_for_and_kept_before_it_is_given(self, vault: FileVault):
        provider = Provider()

        grant = await GrantKeeper(vault, now=lambda: NOW).grant(channel(), provider)

        kept = await vault.get("main")
        assert kept is not None
        assert kept.grant == grant
        assert provider.traded == [None]

    async def test_one_that_holds_is_given_without_asking(self, vault: FileVault):
        await vault.put("main", ends("kept", HOUR), 0)
        provider = Provider()
        keeper = GrantKeeper(vault, now=lambda: NOW)

        given = [await keeper.grant(channel(), provider) for _ in range(3)]

        assert {grant.token for grant in given} == {"kept"}
        assert provider.traded == []

    async def test_an_expired_one_is_traded_once_for_all_who_wait(self, vault: FileVault, path: Path):
        old = ends("old", -HOUR)
        await vault.put("main", old, 0)
        provider, counting = Provider(delay=0.01), Counting(path)
        keeper = GrantKeeper(counting, now=lambda: NOW)

        given = await asyncio.gather(*[keeper.grant(channel(), provider) for _ in range(20)])

        assert provider.traded == [old]
        assert counting.leases == 1
        assert {grant.token for grant in given} == {"token-1"}

    async def test_two_processes_trade_a_rotating_grant_once(self, path: Path):
        old = ends("old", -HOUR)
        await FileVault(path).put("main", old, 0)
        provider = Provider(delay=0.2)
        keepers = [GrantKeeper(FileVault(path), now=lambda: NOW) for _ in range(2)]

        given = await asyncio.gather(*[keeper.grant(channel(), provider) for keeper in keepers])

        assert provider.traded == [old]
        assert {grant.token for grant in given} == {"token-1"}

    async def test_a_refused_one_is_traded_unless_somebody_has_already(self, vault: FileVault):
        old = ends("old", HOUR)
        await vault.put("main", old, 0)
        provider = Provider(delay=0.01)
        keeper = GrantKeeper(vault, now=lambda: NOW)

        given = await asyncio.gather(*[keeper.grant(channel(), provider, refused=old) for _ in range(5)])

        assert provider.traded == [old]
        assert {grant.token for grant in given} == {"token-1"}

    async def test_accounts_do_not_wait_for_each_other(self, vault: FileVault):
        keeper, blocked = GrantKeeper(vault, now=lambda: NOW), asyncio.Event()

        async def stuck(old: Grant | None) -> Grant:
            await blocked.wait()
            return Grant(token="late")

        waiting = asyncio.create_task(keeper.grant(channel("slow"), stuck))
        quick = await keeper.grant(channel("quick"), Provider())
        blocked.set()

        assert quick.token == "token-1"
        assert (await waiting).token == "late"

    async def test_a_trade_that_fails_leaves_the_old_grant_and_the_way_free(self, vault: FileVault):
        old = ends("old", -HOUR)
        await vault.put("main", old, 0)
        keeper = GrantKeeper(vault, now=lambda: NOW)

        async def fail(given: Grant | None) -> Grant:
            raise SendError("channel_unavailable")

        with pytest.raises(SendError):
            await keeper.grant(channel(), fail)
        provider = Provider()
        await keeper.grant(channel(), provider)

        assert provider.traded == [old]

    async def test_a_grant_written_behind_our_back_gives_way_to_what_the_provider_gave_last(
        self, vault: FileVault
    ):
        async def meddle(old: Grant | None) -> Grant:
            await vault.put("main", ends("theirs", HOUR), 0)
            return ends("ours", HOUR)

        await GrantKeeper(vault, now=lambda: NOW).grant(channel(), meddle)

        kept = await vault.get("main")
        assert kept is not None
        assert kept.grant.token == "ours"
