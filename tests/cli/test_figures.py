"""Figures as bars in the terminal."""

from io import StringIO

from rich.console import Console

from cli.figures import bar, tables

FOUND = {
    "categories": [
        {"nameVi": "Đường hỏng", "reports": 40, "before": 20, "trend": "UP"},
        {"nameVi": "Cây xanh", "reports": 10, "before": 20, "trend": "DOWN"},
    ],
    "wards": [{"ward": {"code": "00070", "name": "Phường Hoàn Kiếm"}, "reports": 25, "trend": "STEADY"}],
    "places": [
        {"wardCode": "00070", "latitude": 21.0245, "longitude": 105.8516, "reports": 5, "trend": "NEW"}
    ],
    "units": [
        {"unit": {"name": "Sở Xây dựng"}, "onTimePercent": 95, "satisfaction": 4.5},
        {"unit": {"name": "Sở Y tế"}, "onTimePercent": None, "satisfaction": None},
    ],
}


def _drawn(lines: int) -> list[str]:
    written = StringIO()
    console = Console(file=written, width=120)
    for table in tables(FOUND, lines):
        console.print(table)
    return [line.strip() for line in written.getvalue().splitlines() if line.strip()]


def test_longest_bar_is_the_hottest_and_arrows_show_the_trend() -> None:
    drawn = "\n".join(_drawn(10))
    assert "Đường hỏng    " + "█" * 30 + "    40    ▲" in drawn
    assert "10    ▼" in drawn
    assert "Phường Hoàn Kiếm 21.0245, 105.8516" in drawn
    assert "95 %" in drawn
    assert "4.5 / 5" in drawn


def test_no_more_lines_than_asked_for() -> None:
    assert not any("Cây xanh" in line or "Sở Y tế" in line for line in _drawn(1))


def test_nothing_has_no_bar() -> None:
    assert (bar(0, 0), bar(0, 10), bar(10, 10)) == ("", "", "█" * 30)
