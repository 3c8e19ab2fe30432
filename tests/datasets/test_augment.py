from __future__ import annotations

import cv2
import numpy as np
import pytest

from vision.datasets import augment
from vision.datasets.augment import (
    CenterCrop,
    Compose,
    FixedCorruption,
    RandomApply,
    RandomBlur,
    RandomCrop,
    RandomFlip,
    RandomJPEG,
    RandomNoise,
    RandomResize,
    RandomWebP,
    SomeOf,
)
from vision.datasets.transforms import build_transform, transform_names
from vision.pixels import extend, jpeg

ALWAYS = [
    RandomFlip(prob=1.0),
    RandomJPEG(prob=1.0),
    RandomWebP(prob=1.0),
    RandomBlur((0.5, 1.0), prob=1.0),
    RandomResize((0.8, 0.9), prob=1.0),
    RandomNoise((2.0, 3.0), prob=1.0),
]
NEVER = [kind(prob=0.0) for kind in (RandomFlip, RandomJPEG, RandomWebP, RandomBlur, RandomResize, RandomNoise)]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("transform", ALWAYS, ids=lambda t: type(t).__name__)
def test_each_changes_the_image_and_repeats_with_its_generator(transform, picture):
    image = picture(50, 62)
    before = image.copy()
    first, again = transform(image, rng(1)), transform(image, rng(1))
    assert first.dtype == np.uint8 and first.ndim == 3 and first.shape[2] == 3
    assert first.shape != image.shape or (first != image).any()
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("transform", ALWAYS[1:], ids=lambda t: type(t).__name__)
def test_another_generator_gives_another_result(transform, picture):
    results = [transform(picture(), rng(seed)) for seed in range(4)]
    assert any(a.shape != results[0].shape or (a != results[0]).any() for a in results[1:])


@pytest.mark.parametrize("transform", NEVER, ids=lambda t: type(t).__name__)
def test_probability_zero_leaves_the_image_alone(transform, picture):
    assert all(transform(picture(), rng(seed)) is not None for seed in range(3))
    np.testing.assert_array_equal(transform(picture(), rng()), picture())


def test_channels_keep_their_order():
    image = np.zeros((32, 32, 3), np.uint8)
    image[..., 0] = 250
    for transform in ALWAYS:
        red, green, blue = transform(image, rng()).reshape(-1, 3).mean(0)
        assert red > 200 and green < 40 and blue < 40, type(transform).__name__


def test_crops_are_windows_of_the_image(picture):
    image = picture(70, 90)
    np.testing.assert_array_equal(CenterCrop((50, 60))(image), image[10:60, 15:75])
    crops = [RandomCrop(32)(image, rng(seed)) for seed in range(200)]
    windows = np.lib.stride_tricks.sliding_window_view(image, (32, 32), axis=(0, 1))
    for crop in crops[:5]:
        assert (windows == crop.transpose(2, 0, 1)).all(axis=(2, 3, 4)).sum() == 1
    np.testing.assert_array_equal(RandomCrop((70, 90))(image, rng()), image)
    corners = [image[:32, :32], image[-32:, -32:]]
    tight = [RandomCrop(32)(image[:33, :33], rng(seed)) for seed in range(50)]
    assert any((crop == corners[0]).all() for crop in tight)
    assert any((crop == image[1:33, 1:33]).all() for crop in tight)


@pytest.mark.parametrize("shape", [(40, 40), (47, 20), (31, 64), (33, 32), (8, 8), (100, 9), (9, 100), (1, 1)])
def test_small_images_are_extended_by_their_own_pixels(shape, picture):
    image = picture(*shape)
    result = extend(image, (64, 60))
    assert result.shape == (max(64, shape[0]), max(60, shape[1]), 3)
    assert {tuple(pixel) for pixel in result.reshape(-1, 3)} == {tuple(pixel) for pixel in image.reshape(-1, 3)}


def test_reflection_keeps_the_image_in_the_middle_and_tiling_repeats_it(picture):
    image = picture(40, 40)
    np.testing.assert_array_equal(extend(image, (64, 64))[12:52, 12:52], image)
    np.testing.assert_array_equal(extend(image, (64, 64))[11, 12:52], image[1])
    tiled = extend(image[:10, :10], (35, 35))
    np.testing.assert_array_equal(tiled[10:20, 20:30], image[:10, :10])
    np.testing.assert_array_equal(tiled[30:, :10], image[:5, :10])
    assert extend(image, (40, 30)) is image


def test_jpeg_block_grid_follows_the_offset():
    """A re-compressed image changes little if the second grid lies on the first, and more if it does not."""
    image = cv2.GaussianBlur(rng().integers(0, 256, (64, 64, 3), dtype=np.uint8), (0, 0), 1)
    chroma = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    once = jpeg(image, 40, chroma, (3, 5))
    inner = (slice(8, -8), slice(8, -8))
    aligned = np.abs(jpeg(once, 40, chroma, (3, 5))[inner].astype(int) - once[inner]).mean()
    moved = np.abs(jpeg(once, 40, chroma, (0, 0))[inner].astype(int) - once[inner]).mean()
    assert aligned < 0.5 * moved


def test_random_jpeg_uses_its_whole_range(monkeypatch, picture):
    calls = []
    monkeypatch.setattr(augment, "jpeg", lambda image, *arguments: calls.append(arguments) or image)
    transform = RandomJPEG((30, 33), prob=0.5, shift_prob=0.5)
    generator = rng()
    for _ in range(2000):
        transform(picture(8, 8), generator)
    assert 900 < len(calls) < 1100
    assert {quality for quality, *_ in calls} == {30, 31, 32, 33}
    assert len({chroma for _, chroma, _ in calls}) == 3
    offsets = [offset for *_, offset in calls]
    assert 0.4 < np.mean([offset == (0, 0) for offset in offsets]) < 0.65
    assert {row for row, _ in offsets} == {column for _, column in offsets} == set(range(8))


def test_lower_quality_more_blur_and_more_noise_change_more(picture):
    def change(transform, seed=3):
        return np.abs(transform(picture(), rng(seed)).astype(int) - picture()).mean()

    for kind, weak, strong in (
        (RandomJPEG, (95, 95), (30, 30)),
        (RandomWebP, (95, 95), (30, 30)),
        (RandomBlur, (0.4, 0.4), (2.0, 2.0)),
        (RandomNoise, (1.0, 1.0), (8.0, 8.0)),
    ):
        assert change(kind(weak, prob=1.0)) < 0.7 * change(kind(strong, prob=1.0)), kind.__name__


def test_noise_has_the_deviation_asked_for_in_every_channel():
    gray = np.full((128, 128, 3), 128, np.uint8)
    noisy = RandomNoise((5.0, 5.0), prob=1.0)(gray, rng()).astype(float) - 128
    np.testing.assert_allclose(noisy.std((0, 1)), 5.0, rtol=0.05)
    np.testing.assert_allclose(noisy.mean((0, 1)), 0.0, atol=0.2)


def test_resize_scales_both_sides_within_the_range(picture):
    transform = RandomResize((0.5, 2.0), prob=1.0)
    heights = [transform(picture(64, 32), rng(seed)).shape for seed in range(200)]
    factors = np.array([height / 64 for height, _, _ in heights])
    assert factors.min() >= 0.5 and factors.max() <= 2.0
    assert 0.4 < np.mean(factors < 1) < 0.6
    assert all(abs(height - 2 * width) <= 2 for height, width, _ in heights)


def test_some_of_and_random_apply_count_right(picture):
    class Count:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            self.calls += 1
            return image

    counters = [Count() for _ in range(3)]
    some, generator, seen = SomeOf(counters, most=2, least=1), rng(), set()
    for _ in range(300):
        before = [counter.calls for counter in counters]
        some(picture(8, 8), generator)
        used = [counter.calls - old for counter, old in zip(counters, before, strict=True)]
        assert max(used) == 1
        seen.add(sum(used))
    assert seen == {1, 2}
    assert min(counter.calls for counter in counters) > 100
    counter = Count()
    maybe = RandomApply([counter, counter], prob=0.25)
    for _ in range(1000):
        maybe(picture(8, 8), generator)
    assert counter.calls % 2 == 0 and 400 < counter.calls < 600


def test_fixed_corruption_needs_no_chance(picture):
    image = picture()
    np.testing.assert_array_equal(FixedCorruption()(image), image)
    blurred = FixedCorruption(blur=1)(image)
    np.testing.assert_array_equal(blurred, cv2.GaussianBlur(image, (0, 0), 1))
    np.testing.assert_array_equal(FixedCorruption(jpeg=50, blur=1)(image), jpeg(blurred, 50))
    worse = [np.abs(FixedCorruption(jpeg=q)(image).astype(int) - image).mean() for q in (95, 70, 30)]
    assert worse == sorted(worse)


def test_dicts_build_the_same_pipeline(picture):
    compress = {"type": "RandomJPEG", "prob": 1.0}
    built = Compose([{"type": "RandomApply", "prob": 1.0, "transforms": [compress]}, RandomFlip()])
    by_hand = Compose([RandomApply([RandomJPEG(prob=1.0)], prob=1.0), RandomFlip()])
    for seed in range(5):
        np.testing.assert_array_equal(built(picture(), rng(seed)), by_hand(picture(), rng(seed)))


def test_unknown_names_are_looked_up_in_mmengine():
    from mmengine.registry import TRANSFORMS

    class Brighten:
        def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            return image

    TRANSFORMS.register_module(name="BrightenForTest", module=Brighten)
    try:
        assert isinstance(build_transform({"type": "BrightenForTest"}), Brighten)
    finally:
        del TRANSFORMS.module_dict["BrightenForTest"]
    assert isinstance(build_transform({"type": "RandomFlip"}), RandomFlip)
    with pytest.raises(TypeError, match="with a `type`"):
        build_transform({"prob": 1.0})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomFlip(prob=1.5), "prob is 1.5; expected 0 to 1"),
        (lambda: RandomJPEG((0, 100)), r"quality is \(0, 100\).*1..100"),
        (lambda: RandomJPEG((90, 30)), r"quality is \(90, 30\)"),
        (lambda: RandomBlur((-1.0, 1.0)), r"sigma is \(-1.0, 1.0\)"),
        (lambda: RandomCrop(0), "crop size is 0"),
        (lambda: SomeOf([RandomFlip()], most=2), "most=2"),
        (lambda: FixedCorruption(jpeg=101), "jpeg is"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_every_augmentation_can_be_named_in_a_config():
    public = {
        name
        for name, value in vars(augment).items()
        if isinstance(value, type) and value.__module__ == augment.__name__
    }
    assert public <= set(transform_names())
