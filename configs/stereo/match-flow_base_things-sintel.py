_base_ = ["../_base_/match_stereo_base.py", "../_base_/flow_things_sintel.py", "../_base_/stereo_iterations.py"]

model = dict(stereo=False)
