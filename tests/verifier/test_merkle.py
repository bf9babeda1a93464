"""Roots and proofs as RFC 6962 has them; a changed proof shows nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.vectors import (
    CONSISTENCY,
    ENTRIES,
    INCLUSION,
    ROOTS,
    slow_path,
    slow_proof,
    slow_root,
)
from verifier.merkle import (
    EMPTY_ROOT,
    ProofRefused,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

SIZES = st.integers(1, 70)


def entries(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@pytest.mark.parametrize("size", range(1, 9))
def test_root_is_that_of_certificate_transparency(size: int) -> None:
    assert root_of(map(leaf_hash, ENTRIES[:size])) == ROOTS[size - 1]


def test_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root_of([]) == EMPTY_ROOT == slow_root([])


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
def test_inclusion_of_certificate_transparency_is_shown(index: int, size: int, proof: list[bytes]) -> None:
    verify_inclusion(leaf_hash(ENTRIES[index]), index, size, ROOTS[size - 1], proof)


@pytest.mark.parametrize(("old", "size", "proof"), CONSISTENCY)
def test_consistency_of_certificate_transparency_is_shown(old: int, size: int, proof: list[bytes]) -> None:
    verify_consistency(old, ROOTS[old - 1], size, ROOTS[size - 1], proof)


@given(SIZES)
def test_root_is_that_of_the_words_of_the_rfc(size: int) -> None:
    assert root_of(map(leaf_hash, entries(size))) == slow_root(entries(size))


@given(st.data())
def test_each_leaf_is_shown_in_its_place_and_in_no_other(data: st.DataObject) -> None:
    size = data.draw(SIZES)
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(-1, size).filter(lambda number: number != index))
    leaves, root = entries(size), slow_root(entries(size))
    proof = slow_path(index, leaves)
    verify_inclusion(leaf_hash(leaves[index]), index, size, root, proof)
    with pytest.raises(ProofRefused):
        verify_inclusion(leaf_hash(leaves[index]), other, size, root, proof)


@given(st.data())
def test_changed_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 70))
    index = data.draw(st.integers(0, size - 1))
    leaves = entries(size)
    changed = data.draw(changes(slow_path(index, leaves)))
    with pytest.raises(ProofRefused):
        verify_inclusion(leaf_hash(leaves[index]), index, size, slow_root(leaves), changed)


@given(st.data())
def test_each_beginning_is_shown(data: st.DataObject) -> None:
    size = data.draw(SIZES)
    old = data.draw(st.integers(1, size))
    leaves = entries(size)
    verify_consistency(old, slow_root(leaves[:old]), size, slow_root(leaves), slow_proof(old, leaves))


@given(st.data())
def test_changed_consistency_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, size - 1))
    leaves = entries(size)
    changed = data.draw(changes(slow_proof(old, leaves)))
    with pytest.raises(ProofRefused):
        verify_consistency(old, slow_root(leaves[:old]), size, slow_root(leaves), changed)


@given(st.data())
def test_forked_tree_is_not_a_continuation(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, size - 1))
    leaves = entries(size)
    forked = [*leaves]
    forked[data.draw(st.integers(0, old - 1))] += b"!"
    with pytest.raises(ProofRefused):
        verify_consistency(old, slow_root(leaves[:old]), size, slow_root(forked), slow_proof(old, forked))


def test_shrunk_tree_is_refused() -> None:
    with pytest.raises(ProofRefused):
        verify_consistency(8, ROOTS[7], 6, ROOTS[5], [])


def test_empty_tree_is_the_beginning_of_each_without_a_proof() -> None:
    verify_consistency(0, EMPTY_ROOT, 5, ROOTS[4], [])
    with pytest.raises(ProofRefused):
        verify_consistency(0, EMPTY_ROOT, 5, ROOTS[4], [ROOTS[0]])


def test_other_root_at_the_same_size_is_refused() -> None:
    with pytest.raises(ProofRefused):
        verify_consistency(5, ROOTS[4], 5, ROOTS[3], [])


@st.composite
def changes(draw: st.DrawFn, proof: list[bytes]) -> list[bytes]:
    """The proof with a bit flipped, a hash left out, one added, or two changed over."""
    kinds = ["flip", "drop", "add front", "add back"] if proof else ["add front", "add back"]
    if len(proof) > 1:
        kinds.append("swap")
    kind, at = draw(st.sampled_from(kinds)), draw(st.integers(0, max(0, len(proof) - 1)))
    new = [*proof]
    match kind:
        case "flip":
            octet, bit = draw(st.integers(0, 31)), draw(st.integers(0, 7))
            new[at] = bytes(b ^ (1 << bit if n == octet else 0) for n, b in enumerate(new[at]))
        case "drop":
            del new[at]
        case "add front":
            new.insert(0, bytes(32))
        case "add back":
            new.append(bytes(32))
        case "swap":
            new[0], new[-1] = new[-1], new[0]
    return new
