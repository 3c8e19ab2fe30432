# MatchStereo-B (arXiv 2510.14260), 74.9 M parameters.
_base_ = "./match_stereo_tiny.py"

model = dict(encoder=dict(variant="base"), decoder=dict(variant="base"))
