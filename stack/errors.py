"""What goes wrong with a part, said so that a person knows what to do next."""

from pathlib import Path


class StackError(Exception):
    """A part can't do its work. `remedy` is the next thing to do; `log` is where the part wrote why."""

    def __init__(self, part: str, message: str, remedy: str, log: Path | None = None) -> None:
        super().__init__(f"{part}: {message}")
        self.part = part
        self.message = message
        self.remedy = remedy
        self.log = log

    def last_lines(self, count: int = 12) -> list[str]:
        """The end of the part's log, empty when it wrote none."""
        if self.log is None or not self.log.exists():
            return []
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
