// SPDX-License-Identifier: Apache-2.0
/* The lines above the table: what machine this is, and the table's head. */
#include "bench/measure.h"

int main(void)
{
	measure_machine();
	measure_header();
	return 0;
}
