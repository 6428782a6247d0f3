// The kernels compiled for avx512.
#define SOFTMARGIN_TABLE table_avx512
#include "../kernels/table.inl"
