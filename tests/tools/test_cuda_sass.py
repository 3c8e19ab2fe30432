"""tools/cuda_sass.py: the loop that is counted, and the table."""

from __future__ import annotations

import pytest

from tools import cuda_sass
from tools.cuda_sass import loop_mix, main, make_table

# Items of a block, in them column tiles, in those steps of a product and a way that leads back from behind.
LISTING = """
	.section	.text._Zkernel,"ax",@progbits
        /*0000*/                   S2R R0, SR_TID.X ;
.L_x_0:
        /*0010*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
.L_x_1:
        /*0020*/                   LDGDEPBAR ;
        /*0030*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*0040*/              @!P0 BRA `(.L_x_4) ;
.L_x_2:
        /*0050*/                   LDSM.16.M88.4 R4, [R8] ;
        /*0060*/                   HMMA.16816.F32.BF16 R4, R12.reuse, R16, R4 ;
        /*0070*/               @P1 BRA `(.L_x_2) ;
        /*0080*/                   FFMA R4, R4, R5, R6 ;
        /*0090*/                   MUFU.EX2 R4, R4 ;
        /*00a0*/              @!P2 BRA `(.L_x_1) ;
        /*00b0*/              @!P2 BRA `(.L_x_3) ;
.L_x_4:
        /*00c0*/               @P3 HMMA.16816.F32.BF16 R4, R12.reuse, R16, R4 ;
        /*00d0*/         @!UP1     SHFL.BFLY PT, R4, R4, 0x1, 0x1f ;
        /*00e0*/                   BRA `(.L_x_1) ;
.L_x_3:
        /*00f0*/                   STG.E.128 desc[UR4][R2.64], R4 ;
        /*0100*/               @P0 BRA `(.L_x_0) ;
        /*0110*/                   EXIT ;
	.section	.text._Zother,"ax",@progbits
        /*0000*/                   EXIT ;
"""


def test_counts_the_loop_over_column_tiles() -> None:
    found = loop_mix(LISTING, {"_Zkernel": "void nbv::(anonymous namespace)::kernel<__half, 64>(nbv::Pass)"})
    assert set(found) == {"kernel<Half, 64>"}
    expected = {"global": 1, "barrier": 1, "ldmatrix": 1, "mma": 2, "float": 1, "exp2": 1, "shuffle": 1, "other": 5}
    assert found["kernel<Half, 64>"] == {**expected, "all": 13}
    row = make_table(found).splitlines()[-1]
    assert row == "| `kernel<Half, 64>` | 2 | 1 | 1 | 1 | 1 | 0 | 1 | 1 | 0 | 5 | 13 | 6.5 |"


def test_without_nvdisasm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cuda_sass, "find_nvdisasm", lambda: None)
    with pytest.raises(SystemExit, match="2"):
        main(["a.cu"])
    assert "nvcc and nvdisasm are needed" in capsys.readouterr().err
