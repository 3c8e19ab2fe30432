"""Which images belong together by their names, and what is refused."""

from __future__ import annotations

import pytest

from vision.errors import UsageError
from vision.stereo_io.pairing import pair_names, pairs_within

Names = list[str]


def paired(lefts: str, rights: str) -> list[tuple[str, str]]:
    pairing = pair_names([f"{n}.png" for n in lefts.split()], [f"{n}.png" for n in rights.split()], ("L", "R"))
    return [(left[:-4], right[:-4]) for left, right in pairing.pairs]


@pytest.mark.parametrize(
    ("lefts", "rights", "pairs"),
    [
        ("a b c", "b c d", "b-b c-c"),
        ("1 10 8", "8 1 10", "1-1 8-8 10-10"),
        ("0001_left 0002_left", "0001_right 0003_right", "0001_left-0001_right"),
        ("left_1 left_2", "RIGHT_2 RIGHT_3", "left_2-RIGHT_2"),
        ("a_L b_L", "b_R c_R", "b_L-b_R"),
        ("imL1 imL2", "imR2 imR3", "imL2-imR2"),
        ("1_leftImg8bit", "1_rightImg8bit", "1_leftImg8bit-1_rightImg8bit"),
        ("left_001 left_002", "002 003", "left_002-002"),
        ("cam0_0001 cam0_0003", "cam1_0001 cam1_0002", "cam0_0001-cam1_0001"),
        ("cam0_0003", "cam1_0003", "cam0_0003-cam1_0003"),
        ("im0", "im1", "im0-im1"),
        ("image_02_7 image_02_8", "image_03_8 image_03_9", "image_02_8-image_03_8"),
        ("basler-a_007 basler-a_008", "basler-b_8 basler-b_9", "basler-a_008-basler-b_8"),
        ("x1 x2 x10", "y2 y10 y11", "x2-y2 x10-y10"),
    ],
)
def test_pairs_of_two_folders(lefts: str, rights: str, pairs: str) -> None:
    expected = pairs.split()
    assert [f"{left}-{right}" for left, right in paired(lefts, rights)] == expected


@pytest.mark.parametrize(
    ("lefts", "rights"),
    [
        ("0001", "0003"),
        ("cam0_0003", "cam1_0002"),
        ("100 101", "200 201"),
        ("a b", "c"),
        ("a1 b", "c d2"),
        ("x1", "x2"),
        ("501_10 501_20", "502_11 502_20"),
    ],
)
def test_what_names_do_not_tell_is_refused(lefts: str, rights: str) -> None:
    with pytest.raises(UsageError, match="no names or numbers agree") as caught:
        paired(lefts, rights)
    assert caught.value.code == "no-pairs"


def test_names_without_a_partner_are_told_by_side() -> None:
    assert pair_names(["1.png", "2.png"], ["2.jpg", "3.jpg"], ("L", "R")).alone == (["1.png"], ["3.jpg"])


def test_the_last_number_is_the_frame() -> None:
    found = pair_names(["frame12.png", "frame13.png"], ["run2_f013.png", "run2_f14.png"], ("L", "R"))
    assert found.pairs == [("frame13.png", "run2_f013.png")] and getattr(found.note, "code", "") == "paired-by-number"


def test_names_without_numbers_go_by_their_order_with_a_note() -> None:
    found = pair_names(["b.png", "a.png"], ["d.png", "c.png"], ("L", "R"))
    assert (
        found.pairs == [("a.png", "c.png"), ("b.png", "d.png")] and getattr(found.note, "code", "") == "paired-by-order"
    )


def stamps(*times: int) -> Names:
    return [f"{1_700_000_000_000_000 + time}.png" for time in times]


def test_time_stamps_that_nearly_agree() -> None:
    """Every 100: the frame at 200 was lost on the left, the one at 0 on the right."""
    lefts, rights = stamps(0, 100, 300, 400), stamps(110, 205, 312, 390)
    found = pair_names(lefts, rights, ("L", "R"))
    assert found.pairs == [(lefts[1], rights[0]), (lefts[2], rights[2]), (lefts[3], rights[3])]
    assert found.alone == ([lefts[0]], [rights[1]]) and getattr(found.note, "value", None) == 12


def test_time_stamps_in_seconds() -> None:
    lefts, rights = (
        ["1403636579.100000.png", "1403636579.200000.png"],
        ["1403636579.101000.png", "1403636579.199000.png"],
    )
    found = pair_names(lefts, rights, ("L", "R"))
    assert found.pairs == list(zip(lefts, rights, strict=True)) and getattr(found.note, "value", None) == 1000


def test_time_stamps_half_a_frame_apart_are_refused() -> None:
    with pytest.raises(UsageError, match="no names or numbers agree"):
        pair_names(stamps(0, 100, 200), stamps(30, 130, 230), ("L", "R"))


def test_one_equal_time_stamp_does_not_hide_the_others() -> None:
    assert len(pair_names(stamps(0, 100, 200), stamps(0, 101, 201), ("L", "R")).pairs) == 3


def test_equal_time_stamps_are_not_mixed_with_neighbors() -> None:
    found = pair_names(stamps(0, 50, 100, 200), stamps(0, 100, 150, 200), ("L", "R"))
    assert [left == right for left, right in found.pairs] == [True] * 3 and found.note is None


@pytest.mark.parametrize(
    ("names", "pairs", "alone"),
    [
        ("a/im0 a/im1 b/im0 b/im1", "a/im0-a/im1 b/im0-b/im1", ""),
        ("1_left 1_right 2_left", "1_left-1_right", "2_left"),
        ("right/10 left/10 left/9 right/9", "left/9-right/9 left/10-right/10", ""),
        ("L/1_L R/1_R", "L/1_L-R/1_R", ""),
        ("image_00/1 image_01/1 image_02/1 image_03/1", "image_00/1-image_01/1 image_02/1-image_03/1", ""),
        ("cam0/data/5 cam1/data/5 cam1/data/6", "cam0/data/5-cam1/data/5", "cam1/data/6"),
        ("im2 im6 disp2", "im2-im6", "disp2"),
        ("cam1_7 cam2_7", "cam1_7-cam2_7", ""),
    ],
)
def test_pairs_within_a_folder(names: str, pairs: str, alone: str) -> None:
    found = pairs_within([f"{name}.png" for name in names.split()], "F")
    assert [f"{left[:-4]}-{right[:-4]}" for left, right in found.pairs] == pairs.split()
    assert [name[:-4] for name in found.alone[0]] == alone.split()


@pytest.mark.parametrize("names", ["im0 im1 im2", "image_0000 image_0001", "frame1 frame2", "a", "left right_left"])
def test_folders_without_a_pair(names: str) -> None:
    with pytest.raises(UsageError, match="im0 and im1"):
        pairs_within([f"{name}.png" for name in names.split()], "F")
