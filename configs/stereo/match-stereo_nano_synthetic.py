# The recipe of the shipped weights: synthetic pairs alone, of this project's own generator.
_base_ = ["../_base_/match_stereo_nano.py", "../_base_/stereo_synthetic.py", "../_base_/stereo_iterations.py"]
