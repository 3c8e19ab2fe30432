# MatchStereo-B (arXiv 2510.14260), 74.9 M parameters.
_base_ = "./match_stereo_tiny.py"

model = dict(encoder=dict(embed_dims=(128, 256, 320, 512)), decoder=dict(in_channels=(128, 256, 320, 512)))
