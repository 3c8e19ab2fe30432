# The detector of pictures as the web delivers them; tools/train_crops.py reads this file, too.
model = dict(
    type="ForgeryTrainer",
    # The frozen features are those of the shipped weights: its branch begins anew in every training.
    backbone=dict(type="DualFrequencyStatisticsNet", width=32, weights="dual_frequency_wild.safetensors"),
    head=dict(
        type="ForgeryBranchesHead",
        in_channels=(256, 128, 128),
        dropout=0.2,
        label_smoothing=0.04,
        weights=(0.27, 0.27, 0.46),
    ),
)
