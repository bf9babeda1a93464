"""What the client that signs in refuses, and how it uses TOTP codes. The real way: test_real_login.py."""

from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from joserfc.jwk import ECKey

from cli.login import LoginRefused, Person, SignIn, TotpCodes

ISSUER = "https://keycloak.test/realms/ihanoi"
CALLBACK = "https://api.test/app/callback"
PERSON = Person("lan", "ihanoi", "a password", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
LOGIN_PAGE = """<html lang="vi"><form id="other"><input name="q"></form>
<form action="https://keycloak.test/login?code=1&amp;tab=2" method="post">
<input name="username"><input name="password" type="password"><input type="hidden" name="credentialId">
<input type="checkbox" name="rememberMe"></form></html>"""


class Server:
    """Keycloak as far as a browser sees it; `changes` spoil what it sends back to the app."""

    def __init__(self, **changes: str) -> None:
        self.changes = changes
        self.state = ""
        self.posted: dict[str, str] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        form = dict(httpx.QueryParams(request.content.decode()))
        if request.url.path.endswith("/par/request"):
            self.state = form["state"]
            return httpx.Response(201, json={"request_uri": "urn:1", "expires_in": 60})
        if request.url.path.endswith("/auth"):
            return httpx.Response(200, text=LOGIN_PAGE)
        if request.url.path == "/login":
            self.posted = form
            answer = {"state": self.state, "iss": ISSUER, "code": "c", **self.changes}
            return httpx.Response(302, headers={"location": f"{CALLBACK}?{urlencode(answer)}"})
        return httpx.Response(400, json={"error": "invalid_grant", "error_description": "Code not valid"})


def sign_in(server: Server, folder: Path) -> SignIn:
    browser = httpx.AsyncClient(transport=httpx.MockTransport(server))
    codes = TotpCodes(folder / "used.json")
    return SignIn(browser, ISSUER, CALLBACK, ECKey.generate_key("P-256"), codes)


async def test_form_is_found_by_its_fields_and_sent_whole(tmp_path: Path) -> None:
    server = Server()
    with pytest.raises(LoginRefused, match="Code not valid"):
        await sign_in(server, tmp_path).tokens(PERSON)
    assert server.posted == {"username": "lan", "password": "a password", "credentialId": ""}


@pytest.mark.parametrize("changes", [{"iss": "https://evil.test"}, {"state": "another"}])
async def test_answer_of_another_issuer_or_to_another_request_is_refused(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    with pytest.raises(LoginRefused, match="not from this issuer or not to this request"):
        await sign_in(Server(**changes), tmp_path).tokens(PERSON)


async def test_codes_are_used_once_each_even_by_two_processes(tmp_path: Path) -> None:
    one, two = TotpCodes(tmp_path / "used.json"), TotpCodes(tmp_path / "used.json")
    codes = [await one.next(PERSON), await two.next(PERSON), await one.next(PERSON)]
    assert len(set(codes)) == 3


async def test_person_without_totp_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(LoginRefused, match="has no TOTP secret"):
        await TotpCodes(tmp_path / "used.json").next(Person("x", "ihanoi", "y"))
