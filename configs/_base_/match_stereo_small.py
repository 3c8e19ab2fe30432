# MatchStereo-S (arXiv 2510.14260), 24.9 M parameters.
_base_ = "./match_stereo_tiny.py"

model = dict(encoder=dict(embed_dims=(64, 128, 160, 320)), decoder=dict(in_channels=(64, 128, 160, 320)))
