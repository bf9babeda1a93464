"""Giving takes two of different bodies, taking one; each way around it that we know of."""

from datetime import timedelta

import pytest

from tests.vault.chain import BORN, OFFICERS, Chain, id_at
from tests.vault.parts import NOW
from vault.authority.errors import (
    AlreadyThere,
    AppointedByTheOther,
    NotAnApprover,
    NothingThere,
    OwnBenefit,
    SameBody,
    SignatureInvalid,
    StatementMalformed,
    StatementRefused,
    StatementStale,
    SubordinateApproves,
    TwoApproversNeeded,
)
from vault.authority.rules import State
from vault.authority.statements import OFFICER, parse

DAY = timedelta(days=1)


@pytest.fixture
def chain() -> Chain:
    return Chain()


def _refused(state: State, octets: bytes, why: type[StatementRefused]) -> None:
    with pytest.raises(why):
        state.check(parse(octets), NOW)


def _with_officer(chain: Chain, name: str, body: str, by: list[str]) -> list[bytes]:
    """Statements that make `name` a security officer."""
    at = NOW - 3 * DAY
    return [
        chain.post(name, body, by, at=at),
        chain.clearance(name, by, OFFICER, at=at),
        chain.device(name, by, at=at),
    ]


def test_two_of_different_bodies_give(chain: Chain) -> None:
    state = chain.state(chain.post("em", "D0002", ["an", "binh"]), chain.clearance("em", ["binh", "an"]))
    (clearance,) = state.clearances_of("em", NOW)
    assert (clearance.givers, state.bodies_of("em", NOW)) == ({"an", "binh"}, {"D0002"})


@pytest.mark.parametrize("by", [["an"], ["an", "binh", "dao"]])
@pytest.mark.parametrize("kind", ["post", "device", "clearance", "restore"])
def test_giving_takes_exactly_two(chain: Chain, by: list[str], kind: str) -> None:
    state = chain.state(chain.lock(["an"], person="chi"))
    made = {
        "post": lambda: chain.post("em", "D0002", by),
        "device": lambda: chain.device("em", by),
        "clearance": lambda: chain.clearance("em", by),
        "restore": lambda: chain.lock(by, "restore", person="chi"),
    }[kind]()
    _refused(state, made, TwoApproversNeeded)


def test_one_person_on_two_devices_is_one(chain: Chain) -> None:
    state = chain.state(chain.device("an", ["binh", "dao"], name="an2", at=NOW - 2 * DAY))
    _refused(state, chain.clearance("em", ["an", "an2"]), TwoApproversNeeded)


def test_two_of_one_body_do_not_give(chain: Chain) -> None:
    _refused(chain.state(), chain.clearance("em", ["an", "chi"]), SameBody)


def test_second_post_in_the_others_body_counts(chain: Chain) -> None:
    state = chain.state(chain.post("dao", "D0001", ["an", "binh"]))
    _refused(state, chain.clearance("em", ["binh", "dao"]), SameBody)


def test_nobody_approves_for_himself(chain: Chain) -> None:
    _refused(chain.state(), chain.clearance("an", ["an", "binh"]), OwnBenefit)
    _refused(chain.state(), chain.post("an", "C0001", ["an", "binh"]), OwnBenefit)
    _refused(chain.state(), chain.device("an", ["an", "binh"], name="an2"), TwoApproversNeeded)


def test_locked_person_does_not_restore_himself(chain: Chain) -> None:
    state = chain.state(chain.lock(["an"], person="binh"))
    _refused(state, chain.lock(["binh", "dao"], "restore", person="binh"), NotAnApprover)


def test_subordinate_does_not_approve_for_a_superior_however_far_above(chain: Chain) -> None:
    state = chain.state(
        chain.post("binh", "D0001", ["an", "dao"], "em"), chain.post("em", "D0001", ["an", "dao"], "giang")
    )
    for superior in ("em", "giang"):
        _refused(state, chain.clearance(superior, ["binh", "an"]), SubordinateApproves)
    state.check(parse(chain.clearance("khanh", ["dao", "an"])), NOW)


@pytest.mark.parametrize("what", ["post", "person"])
def test_subordinate_whose_chain_was_locked_is_one_still(chain: Chain, what: str) -> None:
    given = chain.post("binh", "D0001", ["an", "dao"], "em", id=id_at(NOW))
    target = {
        "post": {"statement": str(parse(given).content.id)},
        "person": {"person": "em"},
    }[what]
    above = chain.post("em", "D0001", ["an", "dao"], "giang", until=NOW + timedelta(hours=1))
    state = chain.state(given, above, chain.lock(["an"], **target))
    for superior in ("em", "giang"):
        _refused(state, chain.clearance(superior, ["binh", "an"]), SubordinateApproves)


def test_expired_post_leaves_its_superior(chain: Chain) -> None:
    at = NOW - 2 * DAY
    state = chain.state(chain.post("binh", "D0001", ["an", "dao"], "em", at=at, until=NOW - DAY))
    _refused(state, chain.clearance("em", ["binh", "an"]), SubordinateApproves)


@pytest.mark.parametrize(
    "more", [{"until": NOW + DAY}, {"from_": NOW.replace(microsecond=0) + timedelta(minutes=6)}]
)
@pytest.mark.parametrize(("by", "action"), [(["an"], "lock"), (["an", "dao"], "restore")])
def test_lock_and_restore_are_at_once_and_for_ever(
    chain: Chain, by: list[str], action: str, more: dict
) -> None:
    before = {"lock": [], "restore": [chain.lock(["an"], person="binh")]}[action]
    state = chain.state(*before)
    _refused(state, chain.lock(by, action, person="binh", **more), StatementMalformed)


def test_statement_dated_ahead_is_refused_at_loading_too(chain: Chain) -> None:
    with pytest.raises(StatementStale):
        chain.state().check(parse(chain.lock(["an"], person="binh", at=NOW + DAY)), read_at=NOW)


def test_waiting_device_signs_nothing_at_loading_either(chain: Chain) -> None:
    state = chain.state(chain.device("an", ["binh", "dao"], name="an2", at=NOW - timedelta(hours=23)))
    for octets in (chain.clearance("em", ["an2", "dao"]), chain.lock(["an2"], person="chi")):
        with pytest.raises(NotAnApprover):
            state.check(parse(octets))


def test_circle_of_superiors_ends(chain: Chain) -> None:
    state = chain.state(
        chain.post("binh", "D0001", ["an", "dao"], "em"), chain.post("em", "D0001", ["an", "dao"], "binh")
    )
    assert state.superiors_of("binh") == {"em"}


def test_approver_appointed_by_the_other_does_not_approve_with_him(chain: Chain) -> None:
    state = chain.state(*_with_officer(chain, "em", "D0002", ["an", "binh"]))
    for other in ("an", "binh"):
        _refused(state, chain.clearance("giang", ["em", other]), AppointedByTheOther)
        _refused(state, chain.clearance("giang", [other, "em"]), AppointedByTheOther)
    state.check(parse(chain.clearance("giang", ["em", "dao"])), NOW)


def test_device_from_the_other_is_an_appointment_too(chain: Chain) -> None:
    state = chain.state(chain.device("dao", ["an", "binh"], name="dao2", at=NOW - 2 * DAY))
    _refused(state, chain.clearance("em", ["dao2", "an"]), AppointedByTheOther)
    state.check(parse(chain.clearance("em", ["dao", "an"])), NOW)


def test_who_is_no_security_officer_gives_nothing(chain: Chain) -> None:
    at = NOW - 2 * DAY
    state = chain.state(
        chain.post("em", "D0002", ["an", "binh"], at=at), chain.device("em", ["an", "binh"], at=at)
    )
    _refused(state, chain.clearance("giang", ["em", "dao"]), NotAnApprover)
    _refused(state, chain.lock(["em"], person="an"), NotAnApprover)


def test_key_that_nobody_enrolled_gives_nothing(chain: Chain) -> None:
    _refused(chain.state(), chain.clearance("em", ["an", "stranger"]), SignatureInvalid)
    _refused(chain.state(), chain.lock(["stranger"], person="an"), SignatureInvalid)


@pytest.mark.parametrize("what", ["person", "device", "statement"])
def test_locked_approver_gives_and_takes_nothing(chain: Chain, what: str) -> None:
    duty = chain.state().duties_of("binh", NOW)[0].id
    target = {"person": "binh", "device": chain.jkt("binh"), "statement": str(duty)}[what]
    genesis = chain.genesis()
    state = _restated(chain, genesis)
    duty = state.duties_of("binh", NOW)[0].id
    target = str(duty) if what == "statement" else target
    lock = parse(chain.lock(["an"], **{what: target}))
    state.check(lock, NOW)
    state.apply(lock)
    _refused(state, chain.clearance("em", ["binh", "dao"]), NotAnApprover)
    _refused(state, chain.lock(["binh"], person="an"), NotAnApprover)


def _restated(chain: Chain, genesis: bytes) -> State:
    state = State(chain.pinned, DAY)
    statement = parse(genesis)
    state.check(statement)
    state.apply(statement)
    return state


def test_expired_approver_gives_nothing_and_is_told_by_the_proposals_moment(chain: Chain) -> None:
    at = NOW - 10 * DAY
    state = chain.state(
        chain.post("em", "D0002", ["an", "binh"], at=at),
        chain.device("em", ["an", "binh"], at=at),
        chain.clearance("em", ["an", "binh"], OFFICER, at=at, until=NOW - timedelta(hours=1)),
    )
    _refused(state, chain.clearance("giang", ["em", "dao"]), NotAnApprover)
    early = parse(chain.clearance("giang", ["em", "dao"], at=NOW - timedelta(hours=2)))
    state.check(early)  # as of its moment he was one
    with pytest.raises(NotAnApprover):
        state.check(early, NOW)


def test_taking_takes_one_at_once(chain: Chain) -> None:
    state = chain.state(chain.lock(["an"], person="binh"))
    assert state.device_of(chain.jkt("binh"), NOW) is None
    assert (state.posts_of("binh", NOW), state.clearances_of("binh", NOW)) == ([], [])
    _refused(chain.state(), chain.lock(["an", "binh"], person="dao"), TwoApproversNeeded)


def test_person_locks_his_own_device_alone(chain: Chain) -> None:
    state = chain.state(chain.device("em", ["an", "binh"], at=NOW - 2 * DAY))
    state.check(parse(chain.lock(["em"], device=chain.jkt("em"))), NOW)
    _refused(state, chain.lock(["em"], device=chain.jkt("an")), NotAnApprover)


def test_restoring_takes_two_and_gives_back_the_same(chain: Chain) -> None:
    state = chain.state(
        chain.lock(["an"], person="chi"), chain.lock(["binh", "dao"], "restore", person="chi")
    )
    assert state.device_of(chain.jkt("chi"), NOW) is not None
    _refused(state, chain.lock(["binh", "dao"], "restore", person="chi"), NothingThere)


def test_lock_of_nothing_or_twice_is_refused(chain: Chain) -> None:
    _refused(chain.state(), chain.lock(["an"], person="nobody"), NothingThere)
    _refused(chain.state(chain.lock(["an"], person="chi")), chain.lock(["an"], person="chi"), AlreadyThere)


def test_key_or_id_that_is_there_is_refused(chain: Chain) -> None:
    same = id_at(NOW)
    state = chain.state(chain.post("em", "D0002", ["an", "binh"], id=same))
    _refused(state, chain.post("em", "D0003", ["an", "binh"], id=same), AlreadyThere)
    _refused(state, chain.device("em", ["an", "binh"], name="dao"), AlreadyThere)


def test_new_device_waits_and_neither_approves_meanwhile(chain: Chain) -> None:
    given = chain.device("an", ["binh", "dao"], name="an2", at=NOW - timedelta(hours=23))
    state = chain.state(given)
    assert state.devices[chain.jkt("an2")].usable_from(DAY) == parse(given).content.from_ + DAY
    _refused(state, chain.clearance("em", ["an2", "dao"]), NotAnApprover)


def test_waiting_is_not_shortened_by_an_earlier_beginning(chain: Chain) -> None:
    given = chain.device("em", ["an", "binh"], from_=NOW - 9 * DAY)
    state = chain.state(given)
    assert state.devices[chain.jkt("em")].usable_from(DAY) >= NOW - timedelta(seconds=1) + DAY


def test_old_device_countersigns_and_the_new_one_does_not_wait(chain: Chain) -> None:
    given = chain.device("an", ["binh", "dao", "an"], name="an2")
    state = chain.state(given)
    assert state.devices[chain.jkt("an2")].usable_from(DAY) == parse(given).content.from_


@pytest.mark.parametrize("kind", ["grant", "factor", "breakglass", "trim"])
def test_kind_without_rules_is_refused(chain: Chain, kind: str) -> None:
    _refused(chain.state(), chain.make(kind, {}, ["an", "binh"]), StatementMalformed)


@pytest.mark.parametrize(
    "more",
    [
        {"at": NOW - timedelta(hours=73)},
        {"at": NOW + timedelta(minutes=6)},
        {"until": NOW - timedelta(seconds=31)},
        {"from_": NOW + DAY, "until": NOW + timedelta(hours=1)},
    ],
)
def test_stale_proposal_is_refused(chain: Chain, more: dict) -> None:
    _refused(chain.state(), chain.clearance("em", ["an", "binh"], **more), StatementStale)


def test_statement_dated_back_beyond_a_proposals_life_is_refused_at_loading_too(chain: Chain) -> None:
    state = chain.state(chain.post("em", "D0002", ["an", "binh"]))
    with pytest.raises(StatementStale):
        state.check(parse(chain.clearance("em", ["an", "binh"], at=NOW - timedelta(hours=73))))


def test_genesis_of_one_root_or_of_other_roots_is_refused(chain: Chain) -> None:
    other = Chain()
    for roots in ([chain.roots[0], other.roots[1]], other.roots):
        forged = Chain(roots=roots, keys=chain.keys).genesis()
        with pytest.raises(SignatureInvalid):
            State(chain.pinned, DAY).check(parse(forged))


def test_genesis_without_two_approvers_of_different_bodies_is_refused(chain: Chain) -> None:
    for officers in ({"an": "P0001"}, {"an": "P0001", "chi": "P0001"}):
        with pytest.raises(TwoApproversNeeded):
            State(chain.pinned, DAY).check(parse(chain.genesis(officers=officers)))


def test_second_genesis_is_refused(chain: Chain) -> None:
    _refused(chain.state(), chain.genesis(), StatementMalformed)
    with pytest.raises(StatementMalformed):
        State(chain.pinned, DAY).check(parse(chain.post("em", "D0002", ["an", "binh"])))


def test_approvers_are_counted(chain: Chain) -> None:
    assert chain.state().approvers(NOW) == OFFICERS.keys()
    assert chain.state(chain.lock(["an"], person="chi")).approvers(NOW) == {"an", "binh", "dao"}
    assert chain.state().approvers(BORN - DAY) == frozenset()
