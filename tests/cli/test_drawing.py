"""The demo's photo, and how a terminal shows it."""

import io

from rich.console import Console

from cli.drawing import facts, photo_of_a_dark_lamp, show


def console(**options: object) -> tuple[Console, io.StringIO]:
    """A terminal of its own, and what it shows."""
    shown = io.StringIO()
    return Console(file=shown, width=100, **options), shown  # type: ignore[arg-type]  # options as they are


def test_photo_lies_on_its_side_and_tells_its_place() -> None:
    form, width, height, noted = facts(photo_of_a_dark_lamp())
    assert (form, width, height, noted) == ("JPEG", 1200, 1600, 6)


def test_terminal_with_colours_shows_the_picture() -> None:
    terminal, shown = console(force_terminal=True, color_system="truecolor")
    show(terminal, photo_of_a_dark_lamp())
    assert {line.count("▀") for line in shown.getvalue().splitlines()} == {44}


def test_file_gets_no_blocks_that_nobody_can_read() -> None:
    plain, shown = console()
    show(plain, photo_of_a_dark_lamp())
    assert shown.getvalue() == ""
