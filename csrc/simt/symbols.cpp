#include "symbols.h"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <unordered_map>

namespace nbv::simt {
namespace {

// The module of an address, and the address as its file has it; by dladdr1 the name of the program itself is empty.
bool locate(const void* address, std::string& file, uintptr_t& inside) {
    Dl_info info;
    link_map* map = nullptr;
    if (dladdr1(address, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0 || map == nullptr) return false;
    file = map->l_name[0] != '\0' ? map->l_name : "/proc/self/exe";
    inside = reinterpret_cast<uintptr_t>(address) - map->l_addr - 1;  // of the call, not behind it
    return file.find('\'') == std::string::npos;
}

std::string ask(const void* address) {
    char fallback[32], line[512];
    snprintf(fallback, sizeof(fallback), "code %p", address);
    std::string file;
    uintptr_t inside = 0;
    if (!locate(address, file, inside)) return fallback;
    if (file == "/proc/self/exe") {  // of this process, not of addr2line
        char path[256];
        const ssize_t length = readlink(file.c_str(), path, sizeof(path));
        if (length <= 0 || length == sizeof(path)) return fallback;
        file.assign(path, length);
    }
    snprintf(line, sizeof(line), "addr2line -e '%s' 0x%zx 2>/dev/null", file.c_str(), static_cast<size_t>(inside));
    FILE* pipe = popen(line, "r");
    if (pipe == nullptr) return fallback;
    const bool read = fgets(line, sizeof(line), pipe) != nullptr;
    pclose(pipe);
    if (!read || line[0] == '?') return fallback;
    line[std::strcspn(line, " \n")] = '\0';  // " (discriminator 2)"
    const char* name = std::strrchr(line, '/');
    return name ? name + 1 : line;
}

}  // namespace

const std::string& line_of(const void* return_address) {
    static std::unordered_map<const void*, std::string> known;
    std::string& line = known[return_address];
    if (line.empty()) line = ask(return_address);
    return line;
}

}  // namespace nbv::simt
