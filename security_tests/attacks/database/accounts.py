"""Attacks by functions about people: notices in another's inbox, another's devices."""

from security_tests.attacks.database.catalogue import Attack
from security_tests.attacks.database.scene import DENIED, Rows

_VOID = Rows(((None,),))

ATTACKS_ON_PEOPLE = (
    Attack(
        "notice in the city's name to another",
        "lan",
        "SELECT citizens.tell(gen_random_uuid(), %(hung)s, 'account.phone_changed', now())",
        ("GRANT EXECUTE ON FUNCTION citizens.tell TO backend_app",),
        DENIED,
        _VOID,
    ),
    Attack(
        "another's devices made unknown",
        "lan",
        "SELECT devices.forget_person(%(hung)s)",
        ("GRANT EXECUTE ON FUNCTION devices.forget_person TO backend_app",),
        DENIED,
        _VOID,
    ),
    Attack(
        "devices made unknown by a job",
        "nobody",
        "SELECT devices.forget_person(%(hung)s)",
        ("GRANT EXECUTE ON FUNCTION devices.forget_person TO backend_worker",),
        DENIED,
        _VOID,
        role="backend_worker",
    ),
)
