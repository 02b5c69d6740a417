// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

struct weir_rng weir_rng_system(void)
{
	struct weir_rng r = { 0 };

	if (getrandom(&r.state, sizeof(r.state), 0) != sizeof(r.state)) {
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		r.state = (uint64_t)t.tv_nsec ^ (uint64_t)getpid() << 32;
	}
	return r;
}

void weir_rng_hex(struct weir_rng *r, char *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = "0123456789abcdef"[weir_rng_below(r, 16)];
	out[n] = 0;
}

void weir_rng_uuid(struct weir_rng *r, char out[37])
{
	uint64_t a = weir_rng_next(r), b = weir_rng_next(r);

	snprintf(out, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
		 (unsigned)(b >> 48 & 0x3fff) | 0x8000u, (unsigned long long)(b & 0xffffffffffffu));
}
