"""What is left in the scanner's folder by its daemon leads nobody anywhere at the next start."""

from pathlib import Path

from stack.clamav import ClamAv
from stack.home import Home


def test_link_that_the_daemon_left_is_not_followed(tmp_path: Path) -> None:
    home, victim = Home(tmp_path), tmp_path / "of-root"
    victim.write_text("kept", encoding="utf-8")
    scanner = ClamAv(home)
    scanner.prepare()
    try:
        link = scanner.socket.parent / "signatures" / "eicar.hdb"
        link.unlink()
        link.symlink_to(victim)
        before = victim.stat().st_uid
        scanner.prepare()
        found = (victim.read_text(encoding="utf-8"), victim.stat().st_uid)
    finally:
        home.remove_sockets()
    assert found == ("kept", before)
