# Both classes go through the same history of resizing and compression, up to three rounds deep, so that neither format
# nor size tells. Some photographs are taken once more, and some become pictures that count as generated.
# tools/train_crops.py reads this file, too.
real_transforms = [dict(type="RandomCamera", prob=0.25)]
pseudo_transforms = [dict(type="RandomUpsampler", factors=(2, 2, 2, 4))]
pseudo_prob = 0.15
web_round = [
    dict(type="RandomResize", factor=(0.5, 1.25), prob=0.5),
    dict(type="RandomJPEG", quality=(50, 100), prob=0.6),
]
train_transforms = [
    dict(type="RandomCrop", size=232),
    dict(type="RandomApply", transforms=web_round, prob=0.5),
    dict(type="RandomBlur", sigma=(0.2, 1.2), prob=0.05),
    dict(type="RandomNoise", sigma=(0.5, 5.0), prob=0.08),
    dict(type="RandomCrop", size=176),
    dict(type="RandomResize", factor=(0.8, 1.25), prob=0.15),
    dict(type="RandomCrop", size=136),
    dict(type="RandomJPEG", quality=(30, 100), prob=0.45),
    dict(type="RandomWebP", quality=(30, 100), prob=0.06),
    dict(type="RandomFlip"),
]
