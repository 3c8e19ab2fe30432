// All of the emulator that a kernel's source needs.
#pragma once

#include "collectives.h"
#include "fragments.h"
#include "half.h"
#include "launch.h"
#include "memory.h"
#include "position.h"
#include "types.h"
