from .checkpoint import convert_state_dict
from .convformer import ConvFormer
from .csp import CSPNet
from .dual_frequency import DualFrequencyNet
from .dual_frequency_statistics import DualFrequencyStatisticsNet
from .foundation import DualFrequencyFoundationNet
from .neighborhood import NAT, DiNAT, DiNATS, recommend_dilations

__all__ = [
    "NAT",
    "CSPNet",
    "ConvFormer",
    "DiNAT",
    "DiNATS",
    "DualFrequencyFoundationNet",
    "DualFrequencyNet",
    "DualFrequencyStatisticsNet",
    "convert_state_dict",
    "recommend_dilations",
]
