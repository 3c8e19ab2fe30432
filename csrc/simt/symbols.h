// Lines of the source by addresses of code.
#pragma once

#include <string>

namespace nbv::simt {

// "kernel.cu:12", or the address where no line can be had (no debug information, no addr2line).
const std::string& line_of(const void* return_address);

}  // namespace nbv::simt
