// All that kernels include: CUDA's instructions as functions, on the device by inline PTX, on the host by the emulator.
#pragma once

#include <cstdint>

#include "../../geometry/window.h"

#ifdef __CUDACC__
#include "gpu_device.h"
#else
#include "gpu_host.h"
#endif
