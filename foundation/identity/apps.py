"""The header `Ioc-App: <app>/<version> (<platform>; <model>)`: which app asks, and whether it is too old.

Said by the app itself, so nobody's rights rest on it: it names a device for its owner, and stops apps whose
faults are known. Each part has an alphabet and a length of its own; what does not fit is refused, not cut.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from foundation.identity.challenges import IdentityRefusal
from foundation.settings import AppsSettings

HEADER = "ioc-app"
LONGEST = 160
_NUMBER = r"(?:0|[1-9][0-9]{0,4})"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}")
_WORDS = r"[A-Za-z0-9][A-Za-z0-9 ._,+-]{0,47}"
_HEADER = re.compile(rf"([a-z][a-z0-9-]{{1,31}})/({_VERSION.pattern}) \(({_WORDS}); ({_WORDS})\)")


class AppRefusal(IdentityRefusal):
    """The app is not let in. The same answer on every route and in every media type."""

    status = 403

    @property
    def www_authenticate(self) -> None:
        return None


class AppUnreadable(AppRefusal):
    """`Ioc-App` is there, but not once and in its form, or names another client than the token."""

    code = "app.unreadable"
    status = 400
    vi = "Yêu cầu không nêu đúng ứng dụng. Hãy cập nhật ứng dụng rồi thử lại."
    en = "The request does not name its app rightly. Please update the app and try again."


class AppRequired(AppRefusal):
    """No `Ioc-App`, where apps must name themselves."""

    code = "app.required"
    status = 400
    vi = "Yêu cầu không nêu ứng dụng và phiên bản. Hãy cập nhật ứng dụng rồi thử lại."
    en = "The request names no app and version. Please update the app and try again."


class AppTooOld(AppRefusal):
    """The app's version is below the least one that is served. Only an update helps."""

    code = "app.too_old"
    vi = "Phiên bản ứng dụng đã quá cũ. Hãy cập nhật lên {minimum} hoặc mới hơn: {store}"
    en = "This version of the app is too old. Please update to {minimum} or newer: {store}"

    def __init__(self, minimum: str, recommended: str, store: str) -> None:
        super().__init__(minimum=minimum, recommended=recommended, store=store)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Three numbers of at most five digits, compared in this order."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError unless it is `1.2.3`, without signs, spaces or leading zeros."""
        if not _VERSION.fullmatch(text):
            raise ValueError("a version is three numbers with dots between")
        major, minor, patch = map(int, text.split("."))
        return cls(major, minor, patch)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class App:
    """What an app says of itself: `platform` such as "iOS 26.1", `model` such as "iPhone17,3"."""

    name: str
    version: Version
    platform: str
    model: str


def parse_app(value: str) -> App:
    """The app behind the header's value. Raises AppUnreadable."""
    match = _HEADER.fullmatch(value) if len(value) <= LONGEST else None
    if match is None:
        raise AppUnreadable
    name, version, platform, model = match.groups()
    return App(name, Version.parse(version), platform.rstrip(), model.rstrip())


class AppDoor:
    """Which apps and versions are served."""

    def __init__(self, settings: AppsSettings, *, production: bool) -> None:
        self._required = production if settings.required is None else settings.required
        self._served: Mapping[str, tuple[Version, AppTooOld]] = {
            name: (
                Version.parse(app.minimum),
                AppTooOld(app.minimum, app.recommended, app.store),
            )
            for name, app in settings.versions.items()
        }

    def check(self, values: Sequence[str], *, signed_in: bool) -> App | None:
        """The app that asks; None when none is named and, here or for strangers, none need be.

        Raises AppUnreadable, AppRequired, AppTooOld.
        """
        if not values:
            if self._required and signed_in:
                raise AppRequired
            return None
        if len(values) > 1:
            raise AppUnreadable
        app = parse_app(values[0])
        if app.name not in self._served:
            raise AppUnreadable
        minimum, too_old = self._served[app.name]
        if app.version < minimum:
            raise AppTooOld(**too_old.details)  # type: ignore[arg-type]  # its own details, all of them texts
        return app


def check_client(app: App | None, azp: str) -> None:
    """Raise AppUnreadable when the token was given to another client than the app that is named."""
    if app is not None and app.name != azp:
        raise AppUnreadable
