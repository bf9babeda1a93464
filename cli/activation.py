"""What somebody does with the link in an invitation: a password, then a second factor of their own."""

import base64
import html
import re
import secrets
import time

import httpx
import pyotp

from cli.login import Form, LoginRefused, form_with

_LINK = re.compile(r"https://[^\s\"<>]+/login-actions/action-token\?[^\s\"<>]+")
_ONWARD = re.compile(r'href="([^"]*/login-actions/[^"]*)"')
_PAGES = 8


def link_in(letter: str) -> str:
    """The link in a letter's text. Raises LoginRefused when there is none."""
    match = _LINK.search(letter)
    if match is None:
        raise LoginRefused("the letter has no link")
    return html.unescape(match[0])


async def activate(browser: httpx.AsyncClient, link: str) -> tuple[str, str]:
    """Follow the link to its end: (password, TOTP secret in base32). Raises LoginRefused.

    `browser` begins without cookies, as a person's who opens a letter.
    """
    password, secret = secrets.token_urlsafe(15), ""
    answer = await browser.get(link, follow_redirects=True)
    for _ in range(_PAGES):
        page = answer.text
        form = form_with(page, {"password-new", "totp"})
        if form is None:
            onward = _ONWARD.search(page)
            if onward is None or answer.is_error:
                break
            answer = await browser.get(html.unescape(onward[1]), follow_redirects=True)
            continue
        if "totp" in form.values:
            secret = _secret_of(form)
            # The next one's time: the present one is for the first sign-in, for each counts once.
            code = pyotp.TOTP(secret).at(int(time.time()) + 30)
            filled = {**form.values, "totp": code, "userLabel": "iPad"}
        else:
            filled = {**form.values, "password-new": password, "password-confirm": password}
        answer = await browser.post(html.unescape(form.action), data=filled, follow_redirects=True)
        if secret and form_with(answer.text, {"password-new", "totp"}) is None:
            return password, secret
    raise LoginRefused(f"the invitation's link ended with {answer.status_code}")


def _secret_of(form: Form) -> str:
    """The secret that the page offers, as authenticator apps take it."""
    return base64.b32encode(form.values["totpSecret"].encode("ascii")).decode("ascii")
