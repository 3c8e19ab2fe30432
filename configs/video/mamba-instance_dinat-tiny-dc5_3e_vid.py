_base_ = ["./mamba-instance_r50-dc5_3e_vid.py", "../_base_/models/dinat_dc5.py"]

model = dict(detector=_base_.dinat_dc5.tiny)
optim_wrapper = _base_.dinat_optim_wrapper
