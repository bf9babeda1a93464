"""Vietnamese order and matching."""

import random

import pytest

from foundation.vietnamese import fold, person_key, sort_key

IN_ORDER = ["An Khánh", "Ăn", "Ân Thi", "Ba Đình", "Bạch Mai", "Cầu Giấy", "Dương Nội", "Đa Phúc", "Đống Đa",
            "Hà Đông", "Hai Bà Trưng", "Hoàn Kiếm", "Long Biên", "Nghĩa Đô", "Ô Chợ Dừa", "Ơn", "Phú Thượng",
            "Sóc Sơn", "Tây Hồ", "Từ Liêm", "Vĩnh Tuy", "Yên Hòa"]  # fmt: skip


def test_names_sort_in_vietnamese_order() -> None:
    shuffled = IN_ORDER[:]
    random.Random(1).shuffle(shuffled)
    assert sorted(shuffled, key=sort_key) == IN_ORDER


def test_tones_decide_only_between_equal_letters() -> None:
    assert sorted(["mạ", "má", "mã", "mả", "mà", "ma"], key=sort_key) == ["ma", "mà", "mả", "mã", "má", "mạ"]


def test_people_sort_by_given_name_then_family_name() -> None:
    names = ["Trần Văn Minh", "Nguyễn Thị Lan", "Lê Văn Minh", "Đỗ Anh Dũng"]
    assert sorted(names, key=person_key) == ["Đỗ Anh Dũng", "Nguyễn Thị Lan", "Lê Văn Minh", "Trần Văn Minh"]


def test_composed_and_decomposed_text_have_one_key() -> None:
    assert sort_key("Hoa\u0300n Kie\u0302\u0301m") == sort_key("Hoàn Kiếm")


@pytest.mark.parametrize("typed", ["dong da", "ĐỐNG ĐA", " Đống  Đa ", "Dong Đa"])
def test_text_is_found_with_and_without_diacritics(typed: str) -> None:
    assert fold(typed) == "dong da"
