# What the training pairs of every data set go through, but for the crop's size.
crop = (320, 736)

train_transforms = [
    dict(type="RandomStereoScale", scale=(0.8, 1.5), min_size=crop),
    dict(type="RandomStereoCrop", size=crop),
    dict(type="RandomStereoFlip"),
    dict(type="RandomStereoColor"),
    dict(type="RandomErase"),
    dict(type="RandomVerticalJitter"),
    dict(type="PackStereo"),
]
