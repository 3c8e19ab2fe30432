"""The stand-ins for mmcv's ops, called through mmcv, against the formulas written out element by element."""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck

from vision import compat
from vision.engine.mmcv_ops import check_ops
from vision.errors import UsageError

compat.apply()
ops = importlib.import_module("mmcv.ops")


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def overlap(a: Tensor, b: Tensor, offset: int = 0) -> float:
    width = max(0.0, float(min(a[2], b[2]) - max(a[0], b[0])) + offset)
    height = max(0.0, float(min(a[3], b[3]) - max(a[1], b[1])) + offset)
    areas = [float((box[2] - box[0] + offset) * (box[3] - box[1] + offset)) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def random_boxes(count: int) -> tuple[Tensor, Tensor]:
    corner = torch.rand(count, 2, dtype=torch.float64) * 20
    return torch.cat([corner, corner + 2 + torch.rand(count, 2) * 10], 1), torch.rand(count, dtype=torch.float64)


LOWERED: dict[str, Callable[[float], float]] = {
    "naive": lambda o: 0.0 if o >= 0.3 else 1.0,
    "linear": lambda o: 1.0 - o if o >= 0.3 else 1.0,
    "gaussian": lambda o: math.exp(-o * o / 0.4),
}


@pytest.mark.parametrize("method", LOWERED)
@pytest.mark.parametrize("offset", [0, 1])
def test_soft_nms(method: str, offset: int) -> None:
    boxes, scores = random_boxes(30)
    left, expected = dict(enumerate(scores.tolist())), []
    while left:
        best = max(left, key=lambda i: left[i])
        expected.append((best, left.pop(best)))
        left = {i: s * LOWERED[method](overlap(boxes[best], boxes[i], offset)) for i, s in left.items()}
        left = {i: s for i, s in left.items() if s >= 0.05}
    dets, kept = ops.soft_nms(boxes, scores, 0.3, 0.4, 0.05, method, offset)
    assert kept.tolist() == [i for i, _ in expected] and len(kept) < 30
    assert dets[:, 4].tolist() == pytest.approx([score for _, score in expected])
    assert torch.equal(dets[:, :4], boxes[kept])


def test_soft_nms_without_boxes() -> None:
    dets, kept = ops.soft_nms(torch.zeros(0, 4), torch.zeros(0))
    assert dets.shape == (0, 5) and kept.tolist() == []


def test_nms_match() -> None:
    boxes, scores = random_boxes(25)
    order, expected = sorted(range(25), key=lambda i: -float(scores[i])), []
    while order:
        best = order[0]
        group = [i for i in order if i == best or overlap(boxes[best], boxes[i]) >= 0.4]
        expected.append(group)
        order = [i for i in order if i not in group]
    groups = ops.nms_match(torch.cat([boxes, scores[:, None]], 1), 0.4)
    assert [group.tolist() for group in groups] == expected and len(expected) < 25


def pixel(image: Tensor, y: float, x: float) -> Tensor:
    """`[C]` interpolated between the four pixels around, those outside being zero."""
    total = torch.zeros(len(image), dtype=image.dtype)
    for row, column in itertools.product((math.floor(y), math.floor(y) + 1), (math.floor(x), math.floor(x) + 1)):
        if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
            total += image[:, row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total


@pytest.mark.parametrize("modulated", [False, True])
def test_deform_conv(modulated: bool) -> None:
    x = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    weight = torch.randn(3, 4, 2, 3, dtype=torch.float64)
    stride, padding, dilation = (2, 1), (1, 2), (1, 2)
    height, width = 3, 6
    offset = torch.randn(2, 2 * 2 * 6, height, width, dtype=torch.float64)  # two groups
    mask = torch.rand(2, 2 * 6, height, width, dtype=torch.float64)
    bias = torch.randn(3, dtype=torch.float64)
    expected = torch.zeros(2, 3, height, width, dtype=torch.float64)
    for n, i, j, tap in itertools.product(range(2), range(height), range(width), range(6)):
        for group in range(2):
            dy, dx = offset[n, 2 * (6 * group + tap) : 2 * (6 * group + tap) + 2, i, j].tolist()
            y = i * stride[0] - padding[0] + tap // 3 * dilation[0] + dy
            at = j * stride[1] - padding[1] + tap % 3 * dilation[1] + dx
            channels = slice(2 * group, 2 * group + 2)
            value = pixel(x[n, channels], y, at) * (mask[n, 6 * group + tap, i, j] if modulated else 1)
            expected[n, :, i, j] += weight[:, channels, tap // 3, tap % 3] @ value
    if modulated:
        found = ops.modulated_deform_conv2d(x, offset, mask, weight, bias, stride, padding, dilation, 1, 2)
        expected += bias[:, None, None]
    else:
        found = ops.deform_conv2d(x, offset, weight, stride, padding, dilation, 1, 2)
    torch.testing.assert_close(found, expected)


def test_gradients_of_deform_conv() -> None:
    def leaf(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    x, offset, mask, weight, bias = leaf(1, 2, 4, 4), leaf(1, 18, 4, 4), leaf(1, 9, 4, 4), leaf(2, 1, 3, 3), leaf(2)
    assert gradcheck(lambda *t: ops.deform_conv2d(*t, 1, 1, 1, 2, 1), (x, offset, weight))
    assert gradcheck(
        lambda *t: ops.modulated_deform_conv2d(*t, 1, 1, 1, 2, 1), (x, offset, mask, weight, bias), atol=1e-4
    )
    assert gradcheck(lambda *t: ops.modulated_deform_conv2d(*t, None, 1, 1, 1, 2, 1), (x, offset, mask, weight))


def test_deform_conv_in_bfloat16() -> None:
    layer = ops.DeformConv2dPack(4, 4, 3, padding=1)
    exact = layer(x := torch.randn(1, 4, 8, 8))
    with torch.autocast("cpu", torch.bfloat16):
        half = layer(x)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), exact, atol=0.05, rtol=0.05)


ROIS = torch.tensor(
    [[0, 1, 2, 9, 12], [1, 3.3, 0.2, 7.9, 4.1], [0, -3, -2, 30, 5], [1, 6, 6, 6, 6], [0, 40, 40, 44, 44]],
    dtype=torch.float64,
)


def test_roi_pool() -> None:
    x = torch.randn(2, 3, 7, 9, dtype=torch.float64)
    scale, bins = 0.5, (2, 3)
    expected = torch.zeros(len(ROIS), 3, *bins, dtype=torch.float64)
    for k, roi in enumerate(ROIS.tolist()):
        x1, y1, x2, y2 = roi[1] * scale, roi[2] * scale, (roi[3] + 1) * scale, (roi[4] + 1) * scale
        for i, j in itertools.product(range(bins[0]), range(bins[1])):
            rows = range(math.floor(y1 + i * (y2 - y1) / 2), math.ceil(y1 + (i + 1) * (y2 - y1) / 2))
            columns = range(math.floor(x1 + j * (x2 - x1) / 3), math.ceil(x1 + (j + 1) * (x2 - x1) / 3))
            inside = [x[int(roi[0]), :, r, c] for r in rows for c in columns if 0 <= r < 7 and 0 <= c < 9]
            if inside:
                expected[k, :, i, j] = torch.stack(inside).amax(0)
    torch.testing.assert_close(ops.roi_pool(x, ROIS, bins, scale), expected)
    assert (expected[-1] == 0).all() and (expected[:2] != 0).all()
    assert gradcheck(lambda image: ops.roi_pool(image, ROIS, bins, scale), x.requires_grad_())


def test_roi_pool_of_a_region_turned_inside_out_is_zero_and_without_gradient() -> None:
    x = torch.ones(1, 1, 4, 4, requires_grad=True)
    pooled = ops.roi_pool(x, torch.tensor([[0.0, 3, 3, 1, 1]]), 2, 1.0)
    pooled.sum().backward()
    assert (pooled == 0).all() and x.grad is not None and (x.grad == 0).all()


def test_roi_align_of_the_maximum_of_a_region_without_extent_is_zero_and_without_gradient() -> None:
    x = torch.ones(1, 1, 4, 4, requires_grad=True)
    rois = torch.tensor([[0.0, 1, 1, 1, 1], [0.0, 3, 3, 1, 1]])
    pooled = ops.roi_align(x, rois, 2, 1.0, 0, "max", True)
    pooled.sum().backward()
    assert (pooled == 0).all() and x.grad is not None and (x.grad == 0).all()


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [2, 0])
def test_roi_align_of_the_maximum(aligned: bool, ratio: int) -> None:
    x = torch.randn(2, 3, 7, 9, dtype=torch.float64)
    rois, scale, bins = ROIS[:2], 0.5, (2, 3)
    expected = torch.full((2, 3, *bins), -math.inf, dtype=torch.float64)
    for k, roi in enumerate(rois.tolist()):
        left, top = roi[1] * scale - 0.5 * aligned, roi[2] * scale - 0.5 * aligned
        width, height = (roi[3] - roi[1]) * scale, (roi[4] - roi[2]) * scale
        if not aligned:
            width, height = max(width, 1.0), max(height, 1.0)
        grid = (ratio or math.ceil(height / 2), ratio or math.ceil(width / 3))
        for i, j, row, column in itertools.product(range(2), range(3), range(grid[0]), range(grid[1])):
            y = top + (i + (row + 0.5) / grid[0]) * height / 2
            at = left + (j + (column + 0.5) / grid[1]) * width / 3
            value = pixel(x[int(roi[0])], max(y, 0), max(at, 0))
            expected[k, :, i, j] = torch.maximum(expected[k, :, i, j], value)
    arguments = (rois, bins, scale, ratio, "max", aligned)
    torch.testing.assert_close(ops.roi_align(x, *arguments), expected)
    assert gradcheck(lambda image: ops.roi_align(image, *arguments), x.requires_grad_())


@pytest.mark.parametrize("weighted", [False, True])
def test_sigmoid_focal_loss(weighted: bool) -> None:
    logits = torch.randn(5, 3, dtype=torch.float64) * 3
    target = torch.tensor([0, 2, 3, 1, 3])  # 3 is none of the three
    weight = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64) if weighted else None
    expected = torch.zeros(5, 3, dtype=torch.float64)
    for i, c in itertools.product(range(5), range(3)):
        p = 1 / (1 + math.exp(-float(logits[i, c])))
        hit = int(target[i]) == c
        expected[i, c] = -0.3 * (1 - p) ** 1.5 * math.log(p) if hit else -0.7 * p**1.5 * math.log(1 - p)
        if weight is not None and target[i] < 3:
            expected[i, c] *= weight[target[i]]
    arguments = (target, 1.5, 0.3, weight)
    torch.testing.assert_close(ops.sigmoid_focal_loss(logits, *arguments, "none"), expected)
    torch.testing.assert_close(ops.sigmoid_focal_loss(logits, *arguments, "mean"), expected.sum() / 5)
    for reduction in ("none", "mean", "sum"):
        assert gradcheck(
            lambda x, how=reduction: ops.sigmoid_focal_loss(x, *arguments, how), logits.clone().requires_grad_()
        )
    extreme = torch.tensor([[200.0, -200.0]], requires_grad=True)
    loss = ops.sigmoid_focal_loss(extreme, torch.tensor([1]), 2.0, 0.25, None, "sum")
    assert float(loss.detach()) == pytest.approx(0.75 * 200 + 0.25 * 200)


def test_multi_scale_deformable_attention() -> None:
    """What mmcv does with tensors on a GPU, called with others."""
    shapes = torch.tensor([[3, 4], [2, 2]])
    value = torch.randn(1, 16, 2, 3, dtype=torch.float64)
    locations = torch.rand(1, 5, 2, 2, 2, 2, dtype=torch.float64) * 1.4 - 0.2
    weights = torch.rand(1, 5, 2, 2, 2, dtype=torch.float64)
    attend = ops.multi_scale_deform_attn.MultiScaleDeformableAttnFunction.apply
    expected = torch.zeros(1, 5, 2, 3, dtype=torch.float64)
    for query, head, level, point in itertools.product(range(5), range(2), range(2), range(2)):
        height, width = shapes[level].tolist()
        image = value[0, [0, 12][level] :, head][: height * width].T.reshape(3, height, width)
        at, y = (locations[0, query, head, level, point] * torch.tensor([width, height]) - 0.5).tolist()
        expected[0, query, head] += pixel(image, y, at) * weights[0, query, head, level, point]
    starts = torch.tensor([0, 12])
    torch.testing.assert_close(attend(value, shapes, starts, locations, weights, 64), expected.flatten(2))
    leaves = [x.requires_grad_() for x in (value, locations, weights)]
    assert gradcheck(lambda v, at, w: attend(v, shapes, starts, at, w, 64), leaves)


def test_carafe() -> None:
    x = torch.randn(2, 4, 3, 5, dtype=torch.float64)
    masks = torch.rand(2, 2 * 9, 6, 10, dtype=torch.float64)  # two groups, windows of 3 x 3, twice the size
    expected = torch.zeros(2, 4, 6, 10, dtype=torch.float64)
    for c, i, j, tap in itertools.product(range(4), range(6), range(10), range(9)):
        row, column = i // 2 + tap // 3 - 1, j // 2 + tap % 3 - 1
        if 0 <= row < 3 and 0 <= column < 5:
            expected[:, c, i, j] += x[:, c, row, column] * masks[:, 9 * (c // 2) + tap, i, j]
    torch.testing.assert_close(ops.carafe(x, masks, 3, 2, 2), expected)
    torch.testing.assert_close(ops.carafe_naive(x, masks, 3, 2, 2), expected)
    assert gradcheck(lambda a, b: ops.carafe(a, b, 3, 2, 2), (x.requires_grad_(), masks.requires_grad_()))
    assert ops.CARAFEPack(4, 2)(torch.randn(1, 4, 4, 4)).shape == (1, 4, 8, 8)


def test_masked_convolution_is_the_convolution_where_the_mask_is() -> None:
    x, mask = torch.randn(1, 3, 5, 6), torch.rand(1, 5, 6) > 0.5
    layer = ops.MaskedConv2d(3, 2, 3, padding=1).eval()
    torch.testing.assert_close(layer(x, mask), nn.Conv2d.forward(layer, x) * mask)
    assert (layer(x, torch.zeros(1, 5, 6)) == 0).all()


@pytest.mark.parametrize("kind", ["collect", "distribute"])
def test_mask_of_pointwise_spatial_attention(kind: str) -> None:
    x = torch.randn(2, 15, 3, 4, dtype=torch.float64)  # windows of 5 x 3 around 3 x 4 pixels
    expected = torch.zeros(2, 12, 3, 4, dtype=torch.float64)
    for i, j, row, column in itertools.product(range(3), range(4), range(5), range(3)):
        y, at = i + row - 2, j + column - 1
        if 0 <= y < 3 and 0 <= at < 4:
            given = x[:, 3 * row + column, i, j]
            if kind == "collect":
                expected[:, 4 * y + at, i, j] = given
            else:
                expected[:, 4 * i + j, y, at] = given
    layer = ops.PSAMask(kind, (5, 3))
    torch.testing.assert_close(layer(x), expected)
    assert gradcheck(layer, x.requires_grad_())


def test_ops_that_are_missing_are_named_before_training() -> None:
    check_ops(nn.Sequential(ops.RoIPool(2), ops.DeformConv2dPack(2, 2, 3)), {"nms": {"type": "soft_nms"}})
    with pytest.raises(UsageError, match=r"^Sequential\.0 cannot be built: mmcv op 'roi_align_rotated \(RoIAlignRot"):
        check_ops(nn.Sequential(ops.RoIAlignRotated(2, 1.0)))
    with pytest.raises(UsageError, match="SoftmaxFocalLoss"):
        check_ops(nn.Sequential(ops.SoftmaxFocalLoss(2.0, 0.25)))
    with pytest.raises(UsageError, match="'nms_rotated'"):
        check_ops(nn.Sequential(), {"test_cfg": [{"rcnn": {"nms": {"type": "nms_rotated"}}}]})


def test_every_listed_file_of_mmcv_calls_an_op_that_the_stand_in_lacks() -> None:
    from vision.engine.mmcv_ops import check

    extension = importlib.import_module("mmcv._ext")
    for file in check.LACKING:
        importlib.import_module(f"mmcv.ops.{file}")
    for name in ("prroi_pool_forward", "tin_shift_forward", "nms_rotated", "softmax_focal_loss_forward"):
        with pytest.raises(compat.MissingOpError, match=name):
            getattr(extension, name)()


def test_no_model_with_a_missing_op_is_trained_or_tested() -> None:
    from vision.engine.suite_runner import SuiteRunner

    runner = SuiteRunner.__new__(SuiteRunner)
    part = nn.Sequential(ops.RoIPool(2))
    assert runner.build_model(part) is part
    with pytest.raises(UsageError, match="'roi_align_rotated"):
        runner.build_model(nn.Sequential(ops.RoIAlignRotated(2, 1.0)))
