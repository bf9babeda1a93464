"""A citizen signs up, proves the number, changes it, recovers by letter and at the ward, and is deleted."""

import asyncio
import re
import secrets
import time
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from cli.activation import link_in
from cli.client import ApiRefused, IocClient, https_client
from cli.login import LoginRefused, Person, form_with, payload_of
from cli.mail import letters, read, text_of
from tests.backend.world import connect
from tests.conftest import RunningStack
from tests.identity.administration import Administration, TestPerson
from tests.scenarios.citizen import (
    PATIENCE_SECONDS,
    CitizenApp,
    code_in,
    document,
    new_number,
    newcomer,
    text_to,
    texts_to,
    unescaped,
)

REPORT = {
    "category": "street_light",
    "ward": "00070",
    "place": "Ngõ 12 phố Hàng Bài",
    "body": "Đèn đường tắt từ tối qua.",
}


async def proven(stack: RunningStack) -> CitizenApp:
    """Somebody who has signed up and proven the number."""
    app = CitizenApp(stack, newcomer())
    await app.sign_up()
    proved = await app.prove(app.who.phone)
    assert proved["standing"] == "CONFIRMING", proved
    await app.until_standing("PROVEN")
    return app


async def letter_of(stack: RunningStack, app: CitizenApp, browser: httpx.AsyncClient) -> str:
    """Ask at Keycloak's sign-in page for the letter; the link in it."""
    person, issuer = app.who.person, app.issuer
    page = await sign_in_page(app, browser)
    link = re.search(r'href="([^"]*/login-actions/reset-credentials[^"]*)"', page.text)
    assert link is not None
    page = await browser.get(urljoin(issuer, unescaped(link[1])), follow_redirects=True)
    form = form_with(page.text, {"username"})
    assert form is not None
    await browser.post(
        unescaped(form.action), data={**form.values, "username": person.name}, follow_redirects=True
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for file in letters(stack.home / "mail"):
            if read(file)["x-recipients"] == app.who.email:
                return link_in(text_of(read(file)))
        await asyncio.sleep(0.2)
    raise AssertionError("no letter came")


async def sign_in_page(app: CitizenApp, browser: httpx.AsyncClient) -> httpx.Response:
    """Keycloak's sign-in page, as the app opens it."""
    endpoints = f"{app.issuer}/protocol/openid-connect"
    form = {
        "response_type": "code",
        "client_id": "ihanoi-app",
        "redirect_uri": f"{app.endpoints.api_url}/app/callback",
        "scope": "openid aud-ioc-backend",
        "code_challenge": "A" * 43,
        "code_challenge_method": "S256",
    }
    pushed = (await browser.post(f"{endpoints}/ext/par/request", data=form)).json()
    asked = {"client_id": "ihanoi-app", "request_uri": pushed["request_uri"]}
    return await browser.get(f"{endpoints}/auth", params=asked, follow_redirects=True)


def with_password(app: CitizenApp, password: str) -> Person:
    """The person, who knows this password now."""
    return replace(app.who.person, password=password)


async def collected(officer: IocClient, recovery: str) -> dict[str, Any]:
    """How the recovery ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    progress = await signed(officer, "CollectRecovery", recovery=recovery)
    while progress["state"] == "WAITING" and time.monotonic() < deadline:
        await asyncio.sleep(0.3)
        progress = await signed(officer, "CollectRecovery", recovery=recovery)
    return progress


def the_month_is_over(stack: RunningStack, app: CitizenApp) -> None:
    """The deletion is due, and the worker looks."""
    assert app.tokens is not None
    sub = payload_of(str(app.tokens.access))["sub"]
    with connect(stack.database("backend_superuser")) as connection:
        connection.execute(
            """
            UPDATE citizens.deletion d SET due_at = now() - interval '1 minute'
            FROM citizens.citizen c WHERE c.id = d.citizen_id AND c.subject = %s
            """,
            (sub,),
        )
        connection.execute("SET search_path TO jobs")
        connection.execute(
            """
            SELECT procrastinate_defer_jobs_v1(ARRAY[
              row('default', 'citizens.upkeep', 0, null, null, '{"timestamp": 0}'::jsonb, null)
            ]::procrastinate_job_to_defer_v1[])
            """
        )


async def the_notice_is_over(stack: RunningStack, app: CitizenApp) -> None:
    """The number has been noted for long enough to recover the account."""
    assert app.tokens is not None
    who, subject = app.who.person, payload_of(str(app.tokens.access))["sub"]
    async with Administration(stack) as keycloak:
        account = dict(await keycloak.get(f"ihanoi/users/{subject}"))
        account["attributes"]["phone_verified_at"] = ["2026-01-01T00:00:00+00:00"]
        person = TestPerson(who.name, who.realm, who.password, who.totp_secret, id=subject)
        await keycloak.update_person(person, **account)


async def until_unknown(stack: RunningStack, app: CitizenApp) -> None:
    """Wait until the worker was told that Keycloak has deleted the account."""
    query = (
        "SELECT d.state FROM citizens.deletion d JOIN citizens.citizen c ON c.id = d.citizen_id"
        " WHERE c.subject = %s"
    )
    assert app.tokens is not None
    sub = payload_of(str(app.tokens.access))["sub"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    with connect(stack.database("backend_superuser")) as connection:
        while connection.execute(query, (sub,)).fetchall() != [("deleted",)]:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)


async def until_refused(app: CitizenApp) -> None:
    """Ask until the api refuses. Raises ApiRefused then."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        await app.graphql(document("Account"))
        await asyncio.sleep(0.3)


async def signed(officer: IocClient, name: str, **given: Any) -> dict[str, Any]:
    variables = {"input": {**given, "idempotencyKey": secrets.token_hex(16)}}
    answer = await officer.graphql_signed(document(name), variables)
    (payload,) = answer["data"].values()
    return dict(payload)


async def test_newcomer_reports_once_the_number_is_proven(running_stack: RunningStack) -> None:
    app = CitizenApp(running_stack, newcomer())
    await app.sign_up()
    assert (await app.account())["phone"] == {
        "standing": "UNPROVEN",
        "ending": app.who.phone[-3:],
        "movesAt": None,
    }
    refused = await app.run("SubmitReport", **REPORT)
    assert (refused["__typename"], refused["code"]) == ("PhoneUnproven", "citizens.phone_unproven")
    proved = await app.prove(app.who.phone)
    assert (proved["standing"], proved["ending"]) == ("CONFIRMING", app.who.phone[-3:])
    await app.until_standing("PROVEN")
    assert (await app.run("SubmitReport", **REPORT))["__typename"] == "ReportChanged"
    await app.http.aclose()


async def test_number_is_changed_with_the_second_factor_and_the_old_one_is_told(
    running_stack: RunningStack,
) -> None:
    app, new = await proven(running_stack), new_number()
    # The api asks for aal2: Keycloak lets a second factor be set up, and the app goes on.
    proved = await app.prove(new, "ChangePhone")
    assert proved["standing"] == "CONFIRMING"
    assert app.who.person.totp_secret is not None
    phone = await app.until_standing("PROVEN")
    assert phone["ending"] == new[-3:]
    assert "so dien thoai khac" in await text_to(running_stack, app.who.phone, 1)
    assert len(texts_to(running_stack, new)) == 1
    await app.http.aclose()


async def test_letter_and_second_factor_make_a_new_password(running_stack: RunningStack) -> None:
    app = await proven(running_stack)
    await app.sign_in("aal2")  # sets the second factor up
    await app.http.aclose()
    async with https_client(running_stack.endpoints.ca_file) as browser:
        link = await letter_of(running_stack, app, browser)
        page = await browser.get(link, follow_redirects=True)
        form = form_with(page.text, {"otp"})
        assert form is not None, page.text
        code = await app._codes.next(app.who.person)
        page = await browser.post(
            unescaped(form.action), data={**form.values, "otp": code}, follow_redirects=True
        )
        form = form_with(page.text, {"password-new"})
        assert form is not None, page.text
        new = {"password-new": app.who.new_password, "password-confirm": app.who.new_password}
        await browser.post(unescaped(form.action), data={**form.values, **new}, follow_redirects=False)
    again = CitizenApp(running_stack, app.who)
    with pytest.raises(LoginRefused):
        await again.sign_in()
    await again.http.aclose()
    app.who.person = with_password(app, app.who.new_password)
    again = CitizenApp(running_stack, app.who)
    await again.sign_in()
    assert (await again.account())["phone"]["standing"] == "PROVEN"
    await again.http.aclose()


async def test_letter_without_a_second_factor_makes_nothing(running_stack: RunningStack) -> None:
    app = await proven(running_stack)
    await app.http.aclose()
    async with https_client(running_stack.endpoints.ca_file) as browser:
        link = await letter_of(running_stack, app, browser)
        page = await browser.get(link, follow_redirects=True)
    assert form_with(page.text, {"otp", "password-new"}) is None


async def test_recovery_at_the_ward_gives_halves_that_are_good_together(running_stack: RunningStack) -> None:
    app = await proven(running_stack)
    await the_notice_is_over(running_stack, app)
    async with running_stack.client("minh") as minh:
        await asyncio.sleep(1.1)  # between two messages to one number
        opened = await signed(minh, "OpenRecovery", phone=app.who.phone)
        assert opened["__typename"] == "RecoveryOpened", opened
        code = code_in(await text_to(running_stack, app.who.phone, 1))
        given = {"recovery": opened["recovery"], "phone": app.who.phone, "code": code}
        assert (await signed(minh, "ProveRecovery", **given))["state"] == "WAITING"
        progress = await collected(minh, opened["recovery"])
        assert progress["state"] == "DONE", progress
    message = await text_to(running_stack, app.who.phone, 2)
    half = message.partition("mat khau tam: ")[2][:8]
    with pytest.raises(LoginRefused):
        await app.refresh()  # every session ended
    await app.http.aclose()
    app.who.person = with_password(app, progress["deskHalf"] + half)
    again = CitizenApp(running_stack, app.who)
    await again.sign_in()  # a new password is asked for
    assert again.who.person.password == app.who.new_password
    assert (await again.account())["phone"]["standing"] == "PROVEN"
    await again.http.aclose()


async def test_number_that_is_new_recovers_nothing_at_the_ward(running_stack: RunningStack) -> None:
    app = await proven(running_stack)
    async with running_stack.client("minh") as minh:
        await asyncio.sleep(1.1)  # between two messages to one number
        opened = await signed(minh, "OpenRecovery", phone=app.who.phone)
        code = code_in(await text_to(running_stack, app.who.phone, 1))
        given = {"recovery": opened["recovery"], "phone": app.who.phone, "code": code}
        assert (await signed(minh, "ProveRecovery", **given))["state"] == "WAITING"
        assert (await collected(minh, opened["recovery"]))["state"] == "REFUSED"
    await app.refresh()  # signed in as before
    await app.http.aclose()


async def test_number_of_nobody_leads_nowhere_at_the_ward(running_stack: RunningStack) -> None:
    phone = new_number()
    async with running_stack.client("minh") as minh:
        opened = await signed(minh, "OpenRecovery", phone=phone)
        code = code_in(await text_to(running_stack, phone))
        given = {"recovery": opened["recovery"], "phone": phone, "code": code}
        assert (await signed(minh, "ProveRecovery", **given))["state"] == "WAITING"
        assert (await collected(minh, opened["recovery"]))["state"] == "REFUSED"


async def test_deletion_ends_at_keycloak_and_here(running_stack: RunningStack) -> None:
    app = await proven(running_stack)
    asked = await app.run("RequestAccountDeletion")
    assert asked["__typename"] == "DeletionRequested", asked
    assert (await app.run("KeepAccount"))["__typename"] == "AccountKept"
    assert (await app.account())["deletion"] is None
    await app.run("RequestAccountDeletion")
    the_month_is_over(running_stack, app)
    with pytest.raises(ApiRefused):
        await until_refused(app)
    await app.http.aclose()
    await until_unknown(running_stack, app)
    again = CitizenApp(running_stack, app.who)
    with pytest.raises(LoginRefused):
        await again.sign_in()
    await again.http.aclose()
