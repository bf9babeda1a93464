"""The header `Ioc-App`: its one form, versions compared number by number, who must name an app."""

import pytest

from foundation.identity.apps import (
    App,
    AppDoor,
    AppRequired,
    AppTooOld,
    AppUnreadable,
    Version,
    check_client,
    parse_app,
)
from foundation.settings import AppSettings, AppsSettings

STORE = "https://store.example/ihanoi"
SETTINGS = AppsSettings(
    versions={"ihanoi-app": AppSettings(minimum="1.9.0", recommended="1.10.2", store=STORE)}
)
GOOD = "ihanoi-app/1.10.0 (iOS 26.1; iPhone17,3)"


def test_header_is_read() -> None:
    assert parse_app(GOOD) == App("ihanoi-app", Version(1, 10, 0), "iOS 26.1", "iPhone17,3")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "ihanoi-app",
        "ihanoi-app/1.10.0",
        "ihanoi-app/1.10 (iOS 26.1; iPhone17,3)",
        "ihanoi-app/1.10.0.1 (iOS 26.1; iPhone17,3)",
        "ihanoi-app/01.10.0 (iOS 26.1; iPhone17,3)",
        "ihanoi-app/1.10.0-beta (iOS 26.1; iPhone17,3)",
        "ihanoi-app/-1.10.0 (iOS 26.1; iPhone17,3)",
        "ihanoi-app/1.10.100000 (iOS 26.1; iPhone17,3)",
        "ihanoi-app/١.10.0 (iOS 26.1; iPhone17,3)",
        "IHANOI-APP/1.10.0 (iOS 26.1; iPhone17,3)",
        "ihanoi-app/1.10.0 (iOS 26.1; iPhone17,3) ",
        " ihanoi-app/1.10.0 (iOS 26.1; iPhone17,3)",
        "ihanoi-app/1.10.0 (iOS 26.1; iPhone17,3)\n",
        "ihanoi-app/1.10.0 (iOS 26.1; iPhone17,3), ihanoi-app/1.10.0 (iOS 26.1; iPhone17,3)",
        "ihanoi-app/1.10.0 (iOS 26.1; <script>)",
        "ihanoi-app/1.10.0 (iOS 26.1; a\r\nSet-Cookie: x)",
        "ihanoi-app/1.10.0 (iOS 26.1; \u202eenohPi)",
        "ihanoi-app/1.10.0 (; iPhone)",
        "ihanoi-app/1.10.0 (iOS; )",
        f"ihanoi-app/1.10.0 (iOS 26.1; {'x' * 49})",
        f"ihanoi-app/1.10.0 ({'x' * 48}; {'x' * 48}{' ' * 60})",
    ],
)
def test_header_of_another_form_is_refused(value: str) -> None:
    with pytest.raises(AppUnreadable) as caught:
        AppDoor(SETTINGS, production=False).check([value], signed_in=True)
    assert (caught.value.code, caught.value.status) == ("app.unreadable", 400)


def test_header_sent_twice_is_refused() -> None:
    with pytest.raises(AppUnreadable):
        AppDoor(SETTINGS, production=False).check([GOOD, GOOD], signed_in=True)


def test_unknown_app_is_refused() -> None:
    with pytest.raises(AppUnreadable):
        AppDoor(SETTINGS, production=False).check([GOOD.replace("ihanoi", "other")], signed_in=True)


@pytest.mark.parametrize("version", ["1.8.9", "0.99.99", "1.8.99999"])
def test_older_version_is_told_the_least_one_and_where_it_is(version: str) -> None:
    with pytest.raises(AppTooOld) as caught:
        AppDoor(SETTINGS, production=False).check([GOOD.replace("1.10.0", version)], signed_in=False)
    refusal = caught.value
    assert (refusal.code, refusal.status, refusal.details, refusal.www_authenticate) == (
        "app.too_old",
        403,
        {"minimum": "1.9.0", "recommended": "1.10.2", "store": STORE},
        None,
    )


@pytest.mark.parametrize("language", ["vi", "en"])
def test_who_is_too_old_is_told_what_to_do(language: str) -> None:
    with pytest.raises(AppTooOld) as caught:
        AppDoor(SETTINGS, production=False).check([GOOD.replace("1.10.0", "1.0.0")], signed_in=False)
    text = caught.value.message(language)
    assert ("1.9.0" in text, STORE in text) == (True, True)


@pytest.mark.parametrize("version", ["1.9.0", "1.10.0", "2.0.0", "10.0.0"])
def test_version_that_is_not_older_is_let_in(version: str) -> None:
    app = AppDoor(SETTINGS, production=False).check([GOOD.replace("1.10.0", version)], signed_in=True)
    assert app == App("ihanoi-app", Version.parse(version), "iOS 26.1", "iPhone17,3")


@pytest.mark.parametrize(
    ("required", "production", "signed_in", "refused"),
    [
        (None, True, True, True),
        (None, True, False, False),
        (None, False, True, False),
        (True, False, True, True),
        (False, True, True, False),
    ],
)
def test_who_must_name_an_app(
    required: bool | None, production: bool, signed_in: bool, refused: bool
) -> None:
    door = AppDoor(AppsSettings(required=required), production=production)
    try:
        door.check([], signed_in=signed_in)
        found = False
    except AppRequired:
        found = True
    assert found == refused


def test_app_of_another_client_than_the_token_is_refused() -> None:
    with pytest.raises(AppUnreadable):
        check_client(parse_app(GOOD), "ioc-ipad")


def test_app_of_the_tokens_client_is_let_in() -> None:
    check_client(parse_app(GOOD), "ihanoi-app")


def test_recommended_below_the_least_version_is_no_setting() -> None:
    with pytest.raises(ValueError, match="minimum is above recommended"):
        AppSettings(minimum="1.10.0", recommended="1.9.0", store=STORE)
