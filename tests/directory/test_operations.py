"""Every operation on the real Keycloak, asked as api and worker ask it."""

from cli.client import IocClient
from foundation.directory_queue import Operation
from tests.directory.rig import EVERY_LETTER, HOAN_KIEM, Office, Official, invitation_of, said_by
from tests.identity.administration import Administration


async def created(office: Office, asker: IocClient, unit: str = HOAN_KIEM) -> Official:
    """An official with an account at Keycloak."""
    official = office.official(unit)
    asking = await said_by(asker, "InviteOfficial", invitation_of(official))
    await office.done(Operation.OFFICIAL_CREATE, official.code, official.account, asking)
    return official


async def test_invitation_makes_one_account_and_a_letter(
    office: Office, yen: IocClient, keycloak: Administration
) -> None:
    official = await created(office, yen)
    print(await keycloak.get(f'hanoi-ioc/users?username={official.username}&exact=true'))
