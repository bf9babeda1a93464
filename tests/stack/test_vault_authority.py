"""The genesis of the demo: whoever starts a fresh home has officers who can give."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from stack.home import Home
from stack.vault_authority import OFFICERS, DemoAuthority
from stack.vault_keys import VaultKeys
from vault.authority.register import root_key
from vault.authority.rules import State
from vault.authority.statements import parse

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)


def _home(folder: Path) -> Home:
    home = Home(folder / "home")
    home.prepare()
    VaultKeys(home).prepare(NOW)
    DemoAuthority(home).prepare(NOW)
    return home


def test_demo_begins_with_officers_of_different_bodies_on_their_devices(tmp_path: Path) -> None:
    home = _home(tmp_path)
    demo, roots = DemoAuthority(home), VaultKeys(home).root_keys()
    first, second = (root_key(root.public_key().public_bytes_raw()) for root in roots)
    state = State((first, second), timedelta(days=1))
    genesis = parse(VaultKeys(home).genesis.read_bytes())
    state.check(genesis)
    state.apply(genesis)
    at = max(NOW, genesis.content.made_at)
    assert state.approvers(at) == {demo.sub_of(name) for name in OFFICERS}
    for name in OFFICERS:
        state.may_approve(demo.sub_of(name), demo.device(name).thumbprint(), at)
    assert len({state.bodies_of(demo.sub_of(name), at) for name in OFFICERS}) == len(OFFICERS)


def test_genesis_is_made_once_and_is_its_owners_alone_to_read(tmp_path: Path) -> None:
    home = _home(tmp_path)
    file = VaultKeys(home).genesis
    before = file.read_bytes()
    DemoAuthority(home).prepare(NOW + timedelta(days=1))
    assert file.read_bytes() == before
    assert DemoAuthority(home).device_file("ha").stat().st_mode & 0o077 == 0
