# Tested as published: 14 references of the whole video fill the memory before its frame 0.
_base_ = "./mamba-full_r50-dc5_3e_vid.py"

model = dict(mode="offline")
val_dataloader = dict(dataset=dict(num_references=14))
test_dataloader = val_dataloader
