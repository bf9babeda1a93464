"""Authority within a call: proposed, shown, signed on devices; taken at once; new devices by code."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from foundation.ids import b64u
from tests.parts import Database
from tests.vault.chain import OFFICERS, id_at, post, public
from tests.vault.office import Office
from tests.vault.parts import NOW
from vault.authority.enrolment import fingerprint
from vault.authority.statements import Content, sign, write_payload

CLEARANCE = {"person": "em", "tenant": "P0002", "class": 3, "role": "organisation_officer"}
POST = {"person": "em", "body": "D0002", "unit": "D0002", "superior": None, "own_record": None}


@pytest.fixture
async def office(vault_database: Database) -> AsyncIterator[Office]:
    made = await Office(vault_database).begin()
    yield made
    await made.rig.database.close()


def _actions(office: Office) -> list[tuple[str, str]]:
    return [(line["unmapped"]["action"], line["unmapped"]["decision"]) for line in office.rig.events()]


async def test_clearance_is_given_by_two(office: Office) -> None:
    proposal = await office.proposed("an", "clearance", CLEARANCE)
    first = await office.result("an", "authority.sign", **office.signed("an", proposal))
    second = await office.result("binh", "authority.sign", **office.signed("binh", proposal))
    mine = await office.result("em", "authority.mine")
    assert first == {"added": None}
    assert second["added"] == {"n": 1, "head": mine["head"]}
    assert [one["role"] for one in mine["clearances"]] == ["organisation_officer"]


async def test_what_is_added_is_noted_with_the_head_after_the_signature(office: Office) -> None:
    said = await office.given("clearance", CLEARANCE, ["an", "binh"])
    lines = office.rig.events()
    assert _actions(office) == [
        ("authority.append", "allow"),
        ("authority.propose", "allow"),
        ("authority.sign", "allow"),
        ("authority.sign", "allow"),
        ("authority.append", "allow"),
    ]
    assert lines[-1]["unmapped"]["resource"] == f"register:{said['added']['head']}"


async def test_approver_sees_what_waits_and_who_signed(office: Office) -> None:
    proposal = await office.proposed("an", "clearance", CLEARANCE)
    await office.result("an", "authority.sign", **office.signed("an", proposal))
    seen = await office.result("binh", "authority.pending")
    assert seen == {
        "proposals": [{**proposal, "proposer": "an", "signers": ["an"]}],
        "candidates": [],
        "reachableApprovers": 4,
        "few": False,
    }
    await office.result("binh", "authority.sign", **office.signed("binh", proposal))
    assert (await office.result("binh", "authority.pending"))["proposals"] == []


async def test_few_approvers_are_told(office: Office) -> None:
    for name in ("chi", "dao"):
        await office.result("an", "authority.lock", **office.lock("an", person=name))
    seen = await office.result("an", "authority.pending")
    assert (seen["reachableApprovers"], seen["few"]) == (2, True)


@pytest.mark.parametrize("operation", ["authority.pending", "device.code", "authority.propose"])
async def test_who_does_not_approve_neither_sees_nor_proposes(office: Office, operation: str) -> None:
    parameters = {
        "authority.pending": {},
        "device.code": {"person": "em"},
        "authority.propose": {
            "kind": "clearance",
            "body": CLEARANCE,
            "from": None,
            "until": None,
            "reason": "need",
        },
    }[operation]
    assert await office.problem("stranger", operation, **parameters) == "vault.not_an_approver"
    # An officer's account on a device that nobody enrolled: Keycloak's administrator, a stolen password.
    thief = office.device("an", "thief")
    assert await office.problem(thief, operation, **parameters) == "vault.not_an_approver"


@pytest.mark.parametrize(
    ("by", "code"),
    [
        (["an", "an"], "vault.already_there"),
        (["an", "chi"], "vault.same_body"),
        (["an", "stranger"], "vault.signature_invalid"),
    ],
)
async def test_second_signature_that_does_not_do_is_refused_and_leaves_room(
    office: Office, by: list[str], code: str
) -> None:
    proposal = await office.proposed("an", "clearance", CLEARANCE)
    await office.result("an", "authority.sign", **office.signed("an", proposal))
    assert await office.problem(by[1], "authority.sign", **office.signed(by[1], proposal)) == code
    said = await office.result("dao", "authority.sign", **office.signed("dao", proposal))
    assert said["added"]["n"] == 1


async def test_nobody_signs_for_himself(office: Office) -> None:
    proposal = await office.proposed("an", "clearance", {**CLEARANCE, "person": "an"})
    assert (
        await office.problem("an", "authority.sign", **office.signed("an", proposal)) == "vault.own_benefit"
    )


async def test_signature_made_on_another_device_is_refused(office: Office) -> None:
    proposal = await office.proposed("an", "clearance", CLEARANCE)
    signed = office.signed("binh", proposal)
    assert await office.problem("an", "authority.sign", **signed) == "vault.statement_malformed"


async def test_signature_of_other_octets_is_refused(office: Office) -> None:
    first = await office.proposed("an", "clearance", CLEARANCE)
    other = await office.proposed("an", "clearance", {**CLEARANCE, "class": 4})
    signed = {**office.signed("an", other), "proposal": first["id"]}
    assert await office.problem("an", "authority.sign", **signed) == "vault.signature_invalid"


async def test_superuser_changes_a_proposal_after_the_first_signature(office: Office) -> None:
    proposal = await office.proposed("an", "clearance", CLEARANCE)
    await office.result("an", "authority.sign", **office.signed("an", proposal))
    with office.rig.vault.cluster.connect(office.rig.vault.name) as superuser:
        superuser.execute(
            "UPDATE authority.proposal SET payload ="
            " convert_to(replace(convert_from(payload, 'UTF8'), '\"class\":3', '\"class\":4'), 'UTF8')"
        )
    (seen,) = (await office.result("binh", "authority.pending"))["proposals"]
    assert seen["signers"] == []
    said = await office.result("binh", "authority.sign", **office.signed("binh", seen))
    assert said == {"added": None}


async def test_signature_of_who_was_locked_since_does_not_count(office: Office) -> None:
    proposal = await office.proposed("chi", "clearance", CLEARANCE)
    await office.result("an", "authority.sign", **office.signed("an", proposal))
    await office.result("dao", "authority.lock", **office.lock("dao", person="an"))
    said = await office.result("binh", "authority.sign", **office.signed("binh", proposal))
    assert said == {"added": None}
    said = await office.result("dao", "authority.sign", **office.signed("dao", proposal))
    assert said["added"]["n"] == 2


async def test_lock_and_second_signature_at_once(office: Office) -> None:
    proposal = await office.proposed("an", "clearance", CLEARANCE)
    await office.result("an", "authority.sign", **office.signed("an", proposal))
    locked, signed = await asyncio.gather(
        office.ask("dao", "authority.lock", **office.lock("dao", person="binh")),
        office.ask("binh", "authority.sign", **office.signed("binh", proposal)),
    )
    assert "result" in locked
    n = locked["result"]["added"]["n"]
    told = signed.get("problem", {}).get("code") or signed["result"]["added"]["n"]
    assert (n, told) in {(1, "vault.not_an_approver"), (2, 1)}
    assert (await office.result("binh", "authority.mine"))["device"] is None


async def test_lock_takes_at_once_and_restoring_takes_two(office: Office) -> None:
    await office.result("an", "authority.lock", **office.lock("an", device=office.chain.jkt("binh")))
    assert (await office.result("binh", "authority.mine"))["device"] is None
    body = {"action": "restore", "person": None, "device": office.chain.jkt("binh"), "statement": None}
    await office.given("lock", body, ["an", "dao"])
    assert (await office.result("binh", "authority.mine"))["device"] is not None


async def test_lock_is_neither_proposed_nor_a_way_to_give(office: Office) -> None:
    body = {"action": "lock", "person": "binh", "device": None, "statement": None}
    terms = {"from": None, "until": None, "reason": "need"}
    told = await office.problem("an", "authority.propose", kind="lock", body=body, **terms)
    assert told == "vault.statement_malformed"
    payload = write_payload(Content("post", id_at(NOW), post("an", "C0001"), NOW, None, "need"))
    made = sign(payload, office.chain.keys["an"])
    parameters = {"payload": b64u(payload), "protected": made.protected, "signature": made.signature}
    assert await office.problem("an", "authority.lock", **parameters) == "vault.statement_malformed"


async def test_proposal_that_is_unknown_or_too_old_is_not_signed(office: Office) -> None:
    proposal = await office.proposed("an", "clearance", CLEARANCE)
    unknown = {**office.signed("an", proposal), "proposal": str(id_at(NOW))}
    assert await office.problem("an", "authority.sign", **unknown) == "vault.no_such_proposal"
    office.rig.clock.at = NOW + timedelta(hours=72, seconds=1)
    assert await office.problem("an", "authority.sign", **office.signed("an", proposal)) == (
        "vault.no_such_proposal"
    )


async def test_proposals_have_a_bound(office: Office) -> None:
    for name in OFFICERS:
        for _ in range(8):
            await office.proposed(name, "clearance", CLEARANCE)
    with office.rig.vault.cluster.connect(office.rig.vault.name) as superuser:
        superuser.execute("UPDATE authority.proposal SET person = 'binh' WHERE person = 'an'")
    terms = {"from": None, "until": None, "reason": "need"}
    told = await office.problem("an", "authority.propose", kind="clearance", body=CLEARANCE, **terms)
    assert told == "vault.too_many_proposals"
    assert len((await office.result("an", "authority.pending"))["proposals"]) == 32


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("authority.sign", {}),
        ("authority.sign", {"proposal": "x", "protected": "", "signature": ""}),
        ("authority.propose", {"kind": "king", "body": {}, "from": None, "until": None, "reason": "x"}),
        ("authority.mine", {"person": "an"}),
        ("device.code", {"person": "an\n"}),
        ("device.activate", {"code": "x"}),
    ],
)
async def test_other_parameters_are_refused(office: Office, operation: str, parameters: dict) -> None:
    assert await office.problem("an", operation, **parameters) == "vault.invalid_request"


@pytest.mark.parametrize("change", [{"body": {"person": "em"}}, {"from": "now"}, {"until": "2026-11-27"}])
async def test_proposal_of_another_form_is_refused(office: Office, change: dict) -> None:
    given = {"kind": "clearance", "body": CLEARANCE, "from": None, "until": None, "reason": "x", **change}
    assert await office.problem("an", "authority.propose", **given) == "vault.statement_malformed"


# Devices


async def test_new_device_comes_with_a_code_and_is_enrolled_by_two(office: Office) -> None:
    body = await office.candidate("em", "em")
    (seen,) = (await office.result("binh", "authority.pending"))["candidates"]
    assert (seen["person"], seen["fingerprint"]) == ("em", fingerprint(office.chain.jkt("em")))
    await office.given("device", body, ["an", "binh"])
    device = (await office.result("em", "authority.mine"))["device"]
    since = NOW.replace(microsecond=0) + timedelta(days=1)
    assert device == {"jkt": office.chain.jkt("em"), "usableFrom": since.isoformat(), "native": True}
    assert (await office.result("binh", "authority.pending"))["candidates"] == []


async def test_proposals_of_one_person_leave_room_for_others(office: Office) -> None:
    given = {"kind": "clearance", "body": CLEARANCE, "from": None, "until": None, "reason": "need"}
    for _ in range(8):
        await office.result("an", "authority.propose", **given)
    assert await office.problem("an", "authority.propose", **given) == "vault.too_many_proposals"
    await office.result("binh", "authority.propose", **given)


async def test_proposal_of_who_no_longer_approves_is_gone(office: Office) -> None:
    proposal = await office.proposed("an", "clearance", CLEARANCE)
    await office.result("binh", "authority.lock", **office.lock("binh", person="an"))
    assert (await office.result("binh", "authority.pending"))["proposals"] == []
    told = await office.problem("binh", "authority.sign", **office.signed("binh", proposal))
    assert told == "vault.no_such_proposal"


async def test_candidate_of_another_key_than_was_activated_is_not_shown(office: Office) -> None:
    """Two people compare the fingerprint: it must be that of the key that they sign."""
    await office.candidate("em", "em")
    thief = public(office.chain.key_of("thief"))
    for x, y in ((thief.x, thief.y), (thief.x, thief.x)):
        with office.rig.vault.cluster.connect(office.rig.vault.name) as superuser:
            superuser.execute("UPDATE authority.candidate SET x = %s, y = %s", (x, y))
        assert (await office.result("binh", "authority.pending"))["candidates"] == []


async def test_enrolment_lifts_only_the_resets_noted_before_its_proposal(office: Office) -> None:
    with office.rig.vault.cluster.connect(office.rig.vault.name) as superuser:
        for event, minutes in (("before", -1), ("since", 1)):
            noted = NOW + timedelta(minutes=minutes)
            superuser.execute(
                "INSERT INTO credentials.suspension (event_id, sub, cause, reset_at, noted_at)"
                " VALUES (%s, 'em', 'x', %s, %s)",
                (event, noted, noted),
            )
    body = await office.candidate("em", "em")
    await office.given("device", body, ["an", "binh"])
    with office.rig.vault.cluster.connect(office.rig.vault.name) as superuser:
        left = superuser.execute("SELECT event_id FROM credentials.suspension WHERE lifted_at IS NULL")
        assert left.fetchall() == [("since",)]


async def test_older_device_countersigns_and_the_new_one_does_not_wait(office: Office) -> None:
    body = await office.candidate("dao", "dao2")
    await office.given("device", body, ["dao", "an", "binh"])
    device = (await office.result(office.device("dao", "dao2"), "authority.mine"))["device"]
    assert device["usableFrom"] == NOW.replace(microsecond=0).isoformat()


async def test_device_without_a_code_is_not_proposed(office: Office) -> None:
    key = office.device("em").key.as_dict(private=False)
    body = {"person": "em", "key": {name: key[name] for name in ("kty", "crv", "x", "y")}, "native": True}
    terms = {"from": None, "until": None, "reason": "need"}
    told = await office.problem("an", "authority.propose", kind="device", body=body, **terms)
    assert told == "vault.nothing_there"
    other = {**await office.candidate("em", "em"), "person": "giang"}
    told = await office.problem("an", "authority.propose", kind="device", body=other, **terms)
    assert told == "vault.nothing_there"


async def _activate(office: Office, person: str, key: str, code: str, *, native: bool = True) -> str:
    device = office.device(person, key)
    jwk = device.key.as_dict(private=False)
    given = {name: jwk[name] for name in ("kty", "crv", "x", "y")}
    return await office.problem(device, "device.activate", code=code, key=given, native=native)


async def test_code_is_good_once_for_one_person_and_a_quarter_of_an_hour(office: Office) -> None:
    code = (await office.result("an", "device.code", person="em"))["code"]
    assert await _activate(office, "giang", "giang", code) == "vault.code_invalid"
    assert await _activate(office, "em", "em", "0000-0000-0000-0000") == "vault.code_invalid"
    assert await _activate(office, "em", "em", "?") == "vault.code_invalid"
    with office.rig.vault.cluster.connect(office.rig.vault.name) as superuser:
        superuser.execute("UPDATE authority.activation SET added_at = now() - interval '15 minutes'")
    assert await _activate(office, "em", "em", code) == "vault.code_invalid"
    with office.rig.vault.cluster.connect(office.rig.vault.name) as superuser:
        superuser.execute("UPDATE authority.activation SET added_at = now()")
    device = office.device("em")
    jwk = device.key.as_dict(private=False)
    key = {name: jwk[name] for name in ("kty", "crv", "x", "y")}
    await office.result(device, "device.activate", code=code.lower(), key=key, native=True)
    assert await _activate(office, "em", "em2", code) == "vault.code_invalid"


async def test_code_lies_in_the_database_as_a_digest_alone(office: Office) -> None:
    code = (await office.result("an", "device.code", person="em"))["code"]
    with office.rig.vault.cluster.connect(office.rig.vault.name) as superuser:
        (row,) = superuser.execute("SELECT a::text FROM authority.activation a").fetchall()
    assert code not in row[0]


async def test_key_of_another_device_is_not_activated(office: Office) -> None:
    code = (await office.result("an", "device.code", person="em"))["code"]
    jwk = office.chain.key_of("other").as_dict(private=False)
    key = {name: jwk[name] for name in ("kty", "crv", "x", "y")}
    told = await office.problem("em", "device.activate", code=code, key=key, native=True)
    assert told == "vault.statement_malformed"


async def test_production_enrols_no_browser(vault_database: Database) -> None:
    office = await Office(vault_database, native_only=True).begin()
    code = (await office.result("an", "device.code", person="em"))["code"]
    assert await _activate(office, "em", "em", code, native=False) == "vault.native_only"
    await office.rig.database.close()


async def test_device_that_waits_approves_nothing(office: Office) -> None:
    body = await office.candidate("dao", "dao2", officer="an")
    await office.given("device", body, ["an", "binh"])
    fresh = office.device("dao", "dao2")
    assert await office.problem(fresh, "authority.pending") == "vault.not_an_approver"
    office.rig.clock.at = NOW + timedelta(days=1)
    assert (await office.result(fresh, "authority.pending"))["reachableApprovers"] == len(OFFICERS)


async def test_before_the_genesis_nobody_may_do_anything(vault_database: Database) -> None:
    office = Office(vault_database)
    await office.rig.database.open()
    said = [await office.problem("an", name) for name in ("authority.mine", "authority.pending")]
    await office.rig.database.close()
    assert said == ["vault.no_authority", "vault.no_authority"]
