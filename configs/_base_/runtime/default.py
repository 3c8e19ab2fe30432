# What every config shares: hooks, environment and logging. What is registered is the task's: see the files beside this.
default_scope = "mmengine"

default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="CheckpointHook", interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type="DistSamplerSeedHook"),
)
log_processor = dict(type="LogProcessor", by_epoch=True)
log_level = "INFO"

# Where there is no CUDA device, tools/train.py uses gloo instead of this backend.
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)

load_from = None
resume = False
