"""Vietnamese order and matching."""

import csv
import random
from itertools import pairwise
from pathlib import Path

import pytest

from foundation.vietnamese import fold, person_key, sort_key

IN_ORDER = ["An Khánh", "Ăn", "Ân Thi", "Ba Đình", "Bạch Mai", "Cầu Giấy", "Dương Nội", "Đa Phúc", "Đống Đa",
            "Hà Đông", "Hai Bà Trưng", "Hoàn Kiếm", "Long Biên", "Nghĩa Đô", "Ô Chợ Dừa", "Ơn", "Phú Thượng",
            "Sóc Sơn", "Tây Hồ", "Từ Liêm", "Vĩnh Tuy", "Yên Hòa"]  # fmt: skip


def test_names_sort_in_vietnamese_order() -> None:
    shuffled = IN_ORDER[:]
    random.Random(1).shuffle(shuffled)
    assert sorted(shuffled, key=sort_key) == IN_ORDER


# All 126 wards and communes, in the order in which a Vietnamese list has them.
WARDS = [row["name"] for row in csv.DictReader(
    (Path(__file__).parents[2] / "backend/tenancy/data/wards.csv").open(encoding="utf-8"))]  # fmt: skip
ALPHABET = "aăâbcdđeêghiklmnoôơpqrstuưvxy"
PEOPLE = ["Nguyễn Văn An", "Trần Thị Ánh", "Lê Ân", "Phạm Gia Bảo", "Bùi Bình", "Vũ Thị Cúc", "Hoàng Dũng",
          "Đặng Duy", "Ngô Đạt", "Đỗ Đức", "Lý Giang", "Trần Hà", "Lê Hải", "Phan Hạnh", "Đinh Hoa",
          "Cao Hòa", "Mai Huệ", "Tạ Khánh", "Lê Lan", "Vũ Lân", "Hồ Long", "Trịnh Mai", "Đào Minh", "Lê Minh",
          "Nguyễn Minh", "Lương Nga", "Hà Oanh", "Chu Phú", "Lê Phương", "Kiều Quân", "Tô Sơn", "Võ Tâm",
          "Lê Tân", "Vũ Tú", "Đoàn Tuấn", "Lê Uyên", "Hà Vân", "Lê Vi", "Trương Xuân",
          "Nguyễn Yến"]  # fmt: skip


def test_people_are_in_golden_order() -> None:
    shuffled = PEOPLE[:]
    random.Random(2).shuffle(shuffled)
    assert sorted(shuffled, key=person_key) == PEOPLE


def _letters(name: str) -> list[tuple[int, ...]]:
    """Each word as places in the alphabet, tones left out: another way than the one tested."""
    plain = name.lower().translate(str.maketrans(
        "áàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ",
        "aaaaaăăăăăâââââeeeeeêêêêêiiiiioooooôôôôôơơơơơuuuuuưưưưưyyyyy"))  # fmt: skip
    return [tuple(ALPHABET.index(letter) for letter in word if letter in ALPHABET) for word in plain.split()]


def test_wards_are_126() -> None:
    assert len(WARDS) == 126


def test_wards_sort_by_the_letters_of_the_alphabet_first() -> None:
    ordered = sorted(WARDS, key=sort_key)
    assert [(a, b) for a, b in pairwise(ordered) if _letters(a) > _letters(b)] == []


def test_wards_of_other_names_have_other_keys() -> None:
    assert len({sort_key(name) for name in WARDS}) == len(set(WARDS))


@pytest.mark.parametrize("name", WARDS)
def test_ward_is_found_by_its_name_without_diacritics(name: str) -> None:
    assert fold(name).isascii()


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
