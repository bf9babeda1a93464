"""What row-level security reads of a principal: settings local to one transaction, never to a connection.

They protect from a forgotten WHERE, not from somebody who runs SQL of his own (security_tests/threats.md).
"""

from foundation.identity.principal import (
    AnonymousPrincipal,
    ChannelPrincipal,
    CitizenPrincipal,
    OfficialPrincipal,
    Principal,
    SystemPrincipal,
)

APPLY = (
    "SELECT set_config('ioc.subject', $1, true), set_config('ioc.citizen', $2, true),"
    " set_config('ioc.units', $3, true), set_config('ioc.administers', $4, true)"
)
"""One statement for both drivers' parameter style ($n); arguments from `settings_of`."""


def settings_of(principal: Principal) -> tuple[str, str, str, str]:
    """(ioc.subject, ioc.citizen, ioc.units, ioc.administers). Empty is nothing: read with nullif(…, '')."""
    match principal:
        case CitizenPrincipal():
            return str(principal.citizen_id), str(principal.citizen_id), "", ""
        case OfficialPrincipal():
            units, administered = _listed(principal.units), _listed(principal.administered)
            return str(principal.official_id), "", units, administered
        case AnonymousPrincipal() | SystemPrincipal() | ChannelPrincipal():
            return "", "", "", ""


def role_of(principal: Principal) -> str | None:
    """The database role to take for this transaction, beside the login role: city level has its own."""
    if isinstance(principal, OfficialPrincipal) and principal.city_level:
        return "backend_city"
    return None


def _listed(units: frozenset[int]) -> str:
    return ",".join(str(unit) for unit in sorted(units))
