# Both classes go through the same history of resizing and compression, so that neither format nor size tells; some
# photographs are taken once more. What is left of a crop at the end may be smaller than it: that is filled up by
# reflection. tools/train_crops.py reads this file, too.
crop_size = 240
real_transforms = [dict(type="RandomCamera", prob=0.2)]
web_round = [
    dict(type="RandomResize", factor=(0.5, 1.2), prob=0.5),
    dict(type="RandomJPEG", quality=(50, 98), prob=0.5),
    dict(type="RandomWebP", quality=(50, 98), prob=0.2),
]
train_transforms = [
    dict(type="RandomCrop", size=252),
    dict(type="RandomApply", transforms=web_round, prob=0.5),
    dict(type="RandomBlur", sigma=(0.2, 1.2), prob=0.04),
    dict(type="RandomNoise", sigma=(0.5, 4.0), prob=0.05),
    dict(type="RandomJPEG", quality=(35, 98), prob=0.35),
    dict(type="RandomWebP", quality=(40, 98), prob=0.05),
    dict(type="RandomFlip"),
]
