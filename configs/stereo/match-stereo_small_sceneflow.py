_base_ = ["../_base_/match_stereo_small.py", "../_base_/stereo_sceneflow.py", "../_base_/stereo_iterations.py"]
