from .windows import BlockAttention, attention_of

__all__ = [
    "BlockAttention",
    "attention_of",
]
