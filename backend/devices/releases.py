"""Which versions of the apps are served, for apps that ask before it is too late."""

from backend.devices.types import AppRelease
from foundation.settings import AppsSettings


class AppReleases:
    """What the settings say; no secret."""

    def __init__(self, settings: AppsSettings) -> None:
        self._releases = tuple(
            AppRelease(name, app.minimum, app.recommended, app.store)
            for name, app in sorted(settings.versions.items())
        )

    def releases(self) -> tuple[AppRelease, ...]:
        """By the app's name."""
        return self._releases
