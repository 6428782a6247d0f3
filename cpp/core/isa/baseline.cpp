// The kernels compiled for baseline.
#define SOFTMARGIN_TABLE table_baseline
#include "../kernels/table.inl"
