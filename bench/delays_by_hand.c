// SPDX-License-Identifier: Apache-2.0
/*
 * What someone writes who wants the result of examples/delays.c and nothing else: one thread, one loop, airports as small numbers, hours and tallies in
 * plain arrays, no checkpoints. It knows the file: its columns and their order, dates as 2001/01/01 00:47, codes of at most eight letters, no quotes.
 * Like the job it writes each mean in the fewest digits that read back equal; both use the same function for that.
 */
#include "bench/delays_by_hand.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"

#define AIRPORTS 1024u     /* most */
#define NAMES 4096u        /* slots of the name table */
#define HOURS 64           /* open at a time, most */
#define BLOCK (1u << 20)
#define LINE 256u
#define MINUTE 60000ll
#define HOUR (60 * MINUTE)
#define OUT_OF_ORDER (10 * MINUTE)

struct hour { int64_t flights, sum; int32_t max; };
struct late { int64_t flights, sum, timer; int32_t max; uint32_t ndest; };

struct program {
	uint64_t names[NAMES];                  /* letters as a number; 0 = free */
	uint16_t ids[NAMES];
	char texts[AIRPORTS][9];
	uint32_t nairports;
	struct hour hours[HOURS][AIRPORTS];
	struct late late[AIRPORTS];
	uint32_t to[AIRPORTS][AIRPORTS];        /* late flights by destination */
	uint16_t dest[AIRPORTS][AIRPORTS];      /* those with any */
	int64_t watermark, max_time;
	int64_t first_open, last_hour;          /* number of the first hour that is not over; highest seen */
	struct weir_buf out[3];
	int fd[3];
};

static uint32_t airport(struct program *p, const char *text, size_t n)
{
	uint64_t word = 0;
	uint32_t at;

	memcpy(&word, text, 8);
	word &= n < 8 ? (1ull << n * 8) - 1 : ~0ull;
	at = (uint32_t)(word * 0x9e3779b97f4a7c15u >> 52);
	while (p->names[at] != word) {
		if (!p->names[at]) {
			p->names[at] = word;
			p->ids[at] = (uint16_t)p->nairports;
			memcpy(p->texts[p->nairports++], &word, 8);
			break;
		}
		at = (at + 1) % NAMES;
	}
	return p->ids[at];
}

static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	int64_t era, doy;

	y -= m <= 2;
	era = y / 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	y -= era * 400;
	return era * 146097 + y * 365 + y / 4 - y / 100 + doy - 719468;
}

static int two(const char *p) { return (p[0] - '0') * 10 + p[1] - '0'; }

static int64_t number(const char **p)
{
	bool negative = **p == '-';
	int64_t v = 0;

	for (*p += negative; **p >= '0' && **p <= '9'; ++*p)
		v = v * 10 + **p - '0';
	return negative ? -v : v;
}

/* ---- writing ---- */

static char *put_number(char *to, int64_t v)
{
	char digits[20];
	int n = 0;

	if (v < 0) {
		*to++ = '-';
		v = -v;
	}
	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	while (n)
		*to++ = digits[--n];
	return to;
}

static char *put_two(char *to, int64_t v)
{
	*to++ = (char)('0' + v / 10);
	*to++ = (char)('0' + v % 10);
	return to;
}

static char *put_time(char *to, int64_t ms)
{
	static int64_t known = -1;
	static char date[11];
	int64_t day = ms / (24 * HOUR), rest = ms % (24 * HOUR);

	if (day != known) { /* days follow each other */
		int64_t y = 1970 + day / 366, m = 1;

		while (days_of(y + 1, 1, 1) <= day)
			y++;
		while (m < 12 && days_of(y, m + 1, 1) <= day)
			m++;
		snprintf(date, sizeof(date), "%04d-%02d-%02d", (int)(y % 10000), (int)m, (int)(day - days_of(y, m, 1)) + 1);
		known = day;
	}
	memcpy(to, date, 10);
	to[10] = 'T';
	to = put_two(to + 11, rest / HOUR);
	*to++ = ':';
	to = put_two(to, rest / MINUTE % 60);
	memcpy(to, ":00Z", 4);
	return to + 4;
}

static char *put_name(char *to, const struct program *p, uint32_t a)
{
	for (const char *c = p->texts[a]; *c; c++)
		*to++ = *c;
	return to;
}

static bool flush(struct program *p, int which, size_t above)
{
	struct weir_buf *b = &p->out[which];
	size_t at = 0;

	while (b->len > above && at < b->len) {
		ssize_t n = write(p->fd[which], b->data + at, b->len - at);

		if (n < 0) {
			perror("delays_by_hand: write");
			return false;
		}
		at += (size_t)n;
	}
	if (at)
		weir_buf_clear(b);
	return true;
}

static void put_hour(struct program *p, uint32_t a, int64_t hour, const struct hour *h)
{
	struct weir_buf *b = &p->out[0];
	char *from = (char *)weir_buf_room(b, LINE), *to = put_name(from, p, a);

	*to++ = ',';
	to = put_time(to, hour * HOUR);
	*to++ = ',';
	to = put_number(to, h->flights);
	*to++ = ',';
	b->len += (size_t)(to - from);
	weir_json_f64(b, (double)h->sum / (double)h->flights);
	from = to = (char *)weir_buf_room(b, LINE);
	*to++ = ',';
	to = put_number(to, h->max);
	*to++ = '\n';
	b->len += (size_t)(to - from);
}

static void put_alert(struct program *p, uint32_t a)
{
	struct weir_buf *b = &p->out[2];
	struct late *l = &p->late[a];
	uint32_t worst = p->dest[a][0];

	for (uint32_t i = 1; i < l->ndest; i++) {
		uint32_t d = p->dest[a][i];

		if (p->to[a][d] > p->to[a][worst] || (p->to[a][d] == p->to[a][worst] && strcmp(p->texts[d], p->texts[worst]) < 0))
			worst = d;
	}
	char *from = (char *)weir_buf_room(b, LINE), *to = from;
	to = stpcpy(to, "{\"origin\":\"");
	to = put_name(to, p, a);
	to = stpcpy(to, "\",\"until\":\"");
	to = put_time(to, l->timer);
	to = stpcpy(to, "\",\"late\":");
	to = put_number(to, l->flights);
	to = stpcpy(to, ",\"minutes\":");
	to = put_number(to, l->sum);
	to = stpcpy(to, ",\"worst_to\":\"");
	to = put_name(to, p, worst);
	to = stpcpy(to, "\",\"worst\":");
	to = put_number(to, l->max);
	to = stpcpy(to, "}\n");
	b->len += (size_t)(to - from);
}

static void put_late(struct program *p, int64_t time, uint32_t from_airport, uint32_t to_airport, int64_t delay, int64_t distance)
{
	struct weir_buf *b = &p->out[1];
	char *from = (char *)weir_buf_room(b, LINE), *to = put_time(from, time);

	*to++ = ',';
	to = put_name(to, p, from_airport);
	*to++ = ',';
	to = put_name(to, p, to_airport);
	*to++ = ',';
	to = put_number(to, delay);
	*to++ = ',';
	to = put_number(to, distance);
	*to++ = '\n';
	b->len += (size_t)(to - from);
}

/* ---- time ---- */

static bool advance(struct program *p, int64_t watermark)
{
	if (watermark <= p->watermark)
		return true;
	p->watermark = watermark;
	for (; p->first_open <= p->last_hour && (p->first_open + 1) * HOUR - 1 <= watermark; p->first_open++) {
		struct hour *h = p->hours[p->first_open % HOURS];

		for (uint32_t a = 0; a < p->nairports; a++)
			if (h[a].flights) {
				put_hour(p, a, p->first_open, &h[a]);
				h[a] = (struct hour){ 0 };
			}
	}
	for (uint32_t a = 0; a < p->nairports; a++) {
		struct late *l = &p->late[a];

		if (!l->flights || l->timer > watermark)
			continue;
		if (l->flights >= 5)
			put_alert(p, a);
		for (uint32_t i = 0; i < l->ndest; i++)
			p->to[a][p->dest[a][i]] = 0;
		*l = (struct late){ 0 };
	}
	return flush(p, 0, BLOCK) && flush(p, 1, BLOCK) && flush(p, 2, BLOCK);
}

static bool row(struct program *p, int64_t time, int64_t delay, int64_t distance, uint32_t from, uint32_t to)
{
	int64_t hour = time / HOUR;

	p->max_time = time > p->max_time ? time : p->max_time;
	if ((hour + 1) * HOUR - 1 <= p->watermark) {
		put_late(p, time, from, to, delay, distance);
	} else {
		struct hour *h = &p->hours[hour % HOURS][from];

		if (p->last_hour < 0)
			p->first_open = hour;
		p->first_open = hour < p->first_open ? hour : p->first_open;
		p->last_hour = hour > p->last_hour ? hour : p->last_hour;
		if (p->last_hour - p->first_open >= HOURS) {
			fprintf(stderr, "delays_by_hand: more than %d hours are open\n", HOURS);
			return false;
		}
		h->max = !h->flights || delay > h->max ? (int32_t)delay : h->max;
		h->flights++;
		h->sum += delay;
	}
	if (delay >= 15) {
		struct late *l = &p->late[from];

		if (l->flights++ == 0)
			l->timer = time + 6 * HOUR;
		l->sum += delay;
		l->max = delay > l->max ? (int32_t)delay : l->max;
		if (p->to[from][to]++ == 0)
			p->dest[from][l->ndest++] = (uint16_t)to;
	}
	return true;
}

/* ---- the loop ---- */

static bool run(struct program *p, int in, unsigned every)
{
	char *buf = calloc(1, BLOCK + LINE), known[10] = "";
	size_t have = 0;
	int64_t day = 0;
	unsigned rows = 0;
	bool header = true;

	for (;;) {
		ssize_t n = read(in, buf + have, BLOCK - have);
		const char *at = buf, *end;

		if (n < 0) {
			perror("delays_by_hand: read");
			return false;
		}
		if (n == 0)
			break;
		have += (size_t)n;
		end = memrchr(buf, '\n', have);
		if (!end)
			break;
		if (header) {
			at = (const char *)memchr(at, '\n', have) + 1;
			header = false;
		}
		while (at < end) {
			int64_t time, delay, distance;
			const char *code;
			uint32_t from, to;

			if (memcmp(at, known, 10) != 0) {
				memcpy(known, at, 10);
				day = days_of(two(at) * 100 + two(at + 2), two(at + 5), two(at + 8)) * 24 * HOUR;
			}
			time = day + two(at + 11) * HOUR + two(at + 14) * MINUTE;
			at += 17;
			delay = number(&at);
			at++;
			distance = number(&at);
			code = ++at;
			while (*at != ',')
				at++;
			from = airport(p, code, (size_t)(at - code));
			code = ++at;
			while (*at != '\n')
				at++;
			to = airport(p, code, (size_t)(at - code));
			at++;
			if (!row(p, time - delay * MINUTE, delay, distance, from, to))
				return false;
			if (++rows == every) {
				rows = 0;
				if (!advance(p, p->max_time - OUT_OF_ORDER - 1))
					return false;
			}
		}
		have -= (size_t)(end + 1 - buf);
		memmove(buf, end + 1, have);
	}
	free(buf);
	return advance(p, INT64_MAX) && flush(p, 0, 0) && flush(p, 1, 0) && flush(p, 2, 0);
}

int delays_by_hand(const char *input, const char *folder, unsigned watermark_rows)
{
	static const char *const names[3] = { "hours", "late", "alerts" };
	struct program *p = calloc(1, sizeof(*p));
	int in = open(input, O_RDONLY), status = 0;

	if (!p || in < 0)
		return perror("delays_by_hand"), -1;
	p->watermark = p->max_time = INT64_MIN;
	p->last_hour = -1;
	for (int i = 0; i < 3; i++) {
		char path[4200];

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		p->fd[i] = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
		if (p->fd[i] < 0)
			return perror(path), -1;
	}
	if (!run(p, in, watermark_rows))
		status = -1;
	for (int i = 0; i < 3; i++)
		if (fsync(p->fd[i]) != 0 || close(p->fd[i]) != 0)
			status = -1;
	close(in);
	return status;
}
