# MatchStereo-S (arXiv 2510.14260), 24.9 M parameters.
_base_ = "./match_stereo_tiny.py"

model = dict(encoder=dict(variant="small"), decoder=dict(variant="small"))
