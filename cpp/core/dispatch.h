// The only place that asks the CPU: which instruction sets ("levels") there are, and the kernels of the active one.
#pragma once

#include <string>
#include <vector>

namespace softmargin {

struct KernelTable;  // kernels/table.h

// Lowest first. x86-64: "baseline" (x86-64-v2), "avx2" (and FMA, F16C), "avx512" (x86-64-v4); arm64: "neon".
std::vector<std::string> compiled_levels();
std::vector<std::string> supported_levels();  // those of them that this CPU and its system can run

// The level in use: the one of set_level, else of the environment variable SOFTMARGIN_SIMD, else the highest supported
// one. Throws ValueError if the variable names no supported level.
std::string active_level();
void set_level(const std::string& level);  // ValueError that lists the supported ones

// The kernels of the active level. To be asked once a call: another thread may change the level meanwhile.
const KernelTable& kernels();

}  // namespace softmargin
