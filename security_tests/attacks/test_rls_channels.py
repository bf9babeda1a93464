"""Every channel past row-level security: fails as the database is, succeeds once its guard is removed."""

import pytest

from security_tests.attacks.database.accounts import ATTACKS_ON_PEOPLE
from security_tests.attacks.database.catalogue import ATTACKS, Attack
from security_tests.attacks.database.scene import Outcome, Refused, Rows, Scene

ALL = (*ATTACKS, *ATTACKS_ON_PEOPLE)


def _filled(text: str, scene: Scene) -> str:
    for name in ("partition", "hidden_code"):
        text = text.replace(f"<{name}>", str(scene.facts[name]))
    return text.replace("<database>", scene.database.name)


def _expected(outcome: Outcome, scene: Scene) -> Outcome:
    match outcome:
        case Rows(rows):
            return Rows(
                tuple(tuple(_filled(v, scene) if isinstance(v, str) else v for v in row) for row in rows)
            )
        case Refused(sqlstate, str(detail)):
            return Refused(sqlstate, _filled(detail, scene))
        case _:
            return outcome


def _run(attack: Attack, scene: Scene, guards: tuple[str, ...]) -> Outcome:
    changes = [_filled(statement, scene) for statement in (*attack.mistake, *guards)]
    with scene.without(changes, attack.role, attack.who) as connection:
        return scene.outcome(connection, _filled(attack.statement, scene))


@pytest.mark.parametrize("attack", ALL, ids=lambda attack: attack.name)
def test_attack_fails(scene: Scene, attack: Attack) -> None:
    assert _run(attack, scene, ()) == _expected(attack.fails, scene)


@pytest.mark.parametrize("attack", ALL, ids=lambda attack: attack.name)
def test_attack_succeeds_without_its_guard(scene: Scene, attack: Attack) -> None:
    assert _run(attack, scene, attack.guards) == _expected(attack.succeeds, scene)
