// The kernels compiled for avx2.
#define SOFTMARGIN_TABLE table_avx2
#include "../kernels/table.inl"
