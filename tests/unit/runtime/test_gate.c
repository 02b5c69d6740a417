// SPDX-License-Identifier: Apache-2.0
/* The barrier gate: each rule as a trace, and every interleaving of small inputs against the invariants. */
#include "runtime/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "tests/lib/weirtest.h"

/* "B channel ckpt", "E channel", "C ckpt", "R" at time at_ms; the actions as text: "block 0; snapshot 1@5; unblock; abort 1 SUBSUMED". */
static const char *play(struct weir_gate *g, char kind, uint32_t channel, int64_t ckpt, int64_t at_ms)
{
	static char text[1024];
	struct weir_gate_event ev = { kind == 'B' ? WEIR_GATE_BARRIER : kind == 'E' ? WEIR_GATE_END : kind == 'C' ? WEIR_GATE_CANCEL : WEIR_GATE_RESET, channel,
				      ckpt, at_ms };
	struct weir_gate_actions out;
	struct weir_error err = WEIR_ERROR_INIT;
	size_t at = 0;
	int code = weir_gate_step(g, &ev, &out, &err);

	if (code) {
		snprintf(text, sizeof(text), "%s: %s", weir_code_name(code), err.msg);
		ck_assert_uint_eq(out.count, 0);
		return text;
	}
	text[0] = 0;
	for (uint32_t i = 0; i < out.count; i++) {
		const struct weir_gate_action *a = &out.items[i];
		const char *gap = i ? "; " : "";

		switch (a->kind) {
		case WEIR_GATE_BLOCK: at += (size_t)sprintf(text + at, "%sblock %u", gap, a->channel); break;
		case WEIR_GATE_UNBLOCK_ALL: at += (size_t)sprintf(text + at, "%sunblock", gap); break;
		case WEIR_GATE_SNAPSHOT: at += (size_t)sprintf(text + at, "%ssnapshot %lld@%lld", gap, (long long)a->ckpt, (long long)a->start_ms); break;
		case WEIR_GATE_ABORT:
			at += (size_t)sprintf(text + at, "%sabort %lld %s", gap, (long long)a->ckpt,
					      weir_ckpt_failure_name(a->reason) + strlen("CHECKPOINT_DECLINED_"));
			break;
		}
	}
	return text;
}

#define expect(want, ...) ck_assert_str_eq(play(&g, __VA_ARGS__), want)

WEIR_TEST(exactly_once_blocks_until_all_have_delivered)
{
	struct weir_gate g;
	uint8_t mem[3];

	weir_gate_init(&g, 3, true, mem);
	expect("block 1", 'B', 1, 1, 10);
	ck_assert(weir_gate_is_blocked(&g, 1) && !weir_gate_is_blocked(&g, 0) && g.state == WEIR_GATE_ALIGNING);
	expect("block 0", 'B', 0, 1, 11);
	expect("snapshot 1@10; unblock", 'B', 2, 1, 15);
	ck_assert(!weir_gate_is_blocked(&g, 1) && g.state == WEIR_GATE_IDLE);
	expect("block 2", 'B', 2, 2, 20);
	ck_assert_str_eq(weir_gate_state_name(g.state), "ALIGNING");
}

WEIR_TEST(at_least_once_never_blocks)
{
	struct weir_gate g;
	uint8_t mem[2];

	weir_gate_init(&g, 2, false, mem);
	expect("", 'B', 0, 1, 10);
	ck_assert(!weir_gate_is_blocked(&g, 0));
	expect("", 'B', 0, 2, 20); /* runs ahead */
	expect("snapshot 1@10", 'B', 1, 1, 30);
	expect("snapshot 2@20", 'B', 1, 2, 31);
	expect("", 'B', 0, 3, 40);
	expect("", 'B', 1, 4, 41); /* 3 was lost on channel 1 */
	expect("abort 3 SUBSUMED; snapshot 4@41", 'B', 0, 4, 42);
	expect("", 'B', 1, 3, 43); /* late */
}

WEIR_TEST(at_least_once_counts_seven_at_a_time)
{
	struct weir_gate g;
	uint8_t mem[2];

	weir_gate_init(&g, 2, false, mem);
	for (int id = 11; id <= 17; id++)
		expect("", 'B', 0, id, id);
	expect("abort 11 SUBSUMED", 'B', 0, 18, 18);
	expect("", 'B', 1, 11, 19);
	expect("snapshot 12@12", 'B', 1, 12, 20);
	expect("snapshot 13@13; snapshot 14@14; snapshot 15@15; snapshot 16@16; snapshot 17@17; snapshot 18@18", 'E', 1, 0, 21);
	weir_gate_init(&g, 2, false, mem);
	for (int id = 11; id <= 17; id++)
		expect("", 'B', 0, id, id);
	expect("abort 10 SUBSUMED", 'B', 1, 10, 18); /* older than all of a full table */
	expect("snapshot 11@11", 'B', 1, 11, 19);
}

WEIR_TEST(one_channel_snapshots_at_once)
{
	for (int exact = 0; exact < 2; exact++) {
		struct weir_gate g;
		uint8_t mem[1];

		weir_gate_init(&g, 1, exact, mem);
		expect("snapshot 5@50", 'B', 0, 5, 50);
		expect("snapshot 6@60", 'B', 0, 6, 60);
		expect("", 'B', 0, 4, 61);
		expect("", 'E', 0, 0, 62);
		ck_assert_int_eq(g.state, WEIR_GATE_CLOSED);
	}
}

WEIR_TEST(a_newer_barrier_aborts_the_older_alignment)
{
	struct weir_gate g;
	uint8_t mem[3];

	weir_gate_init(&g, 3, true, mem);
	expect("block 0", 'B', 0, 1, 10);
	expect("abort 1 SUBSUMED; unblock; block 1", 'B', 1, 2, 20);
	ck_assert(!weir_gate_is_blocked(&g, 0) && weir_gate_is_blocked(&g, 1));
	expect("", 'B', 2, 1, 21); /* older than the newest seen */
	expect("block 0", 'B', 0, 2, 22);
	expect("snapshot 2@20; unblock", 'B', 2, 2, 23);
}

WEIR_TEST(ended_channels_count_as_aligned)
{
	struct weir_gate g;
	uint8_t mem[3];

	weir_gate_init(&g, 3, true, mem);
	expect("", 'E', 2, 0, 1);
	expect("block 0", 'B', 0, 1, 10);
	expect("snapshot 1@10; unblock", 'E', 1, 0, 11); /* the last that owed it ended */
	expect("snapshot 2@20", 'B', 0, 2, 20);          /* one live channel left */
	expect("", 'E', 0, 0, 21);
	ck_assert_int_eq(g.state, WEIR_GATE_CLOSED);
	expect("abort 3 ON_CANCELLATION_BARRIER", 'C', 0, 3, 22);
	expect("", 'R', 0, 0, 23);
	expect("block 1", 'B', 1, 7, 30);
	expect("unblock", 'R', 0, 0, 31);
	expect("block 1", 'B', 1, 7, 32);
}

WEIR_TEST(cancellation)
{
	struct weir_gate g;
	uint8_t mem[2];

	weir_gate_init(&g, 2, true, mem);
	expect("block 0", 'B', 0, 1, 10);
	expect("abort 1 ON_CANCELLATION_BARRIER; unblock", 'C', 0, 1, 11);
	expect("", 'B', 1, 1, 12);
	expect("", 'C', 0, 1, 13); /* once */
	expect("block 0", 'B', 0, 2, 20);
	expect("abort 2 SUBSUMED; unblock; abort 4 ON_CANCELLATION_BARRIER", 'C', 1, 4, 21);
	expect("", 'B', 0, 4, 22);
	expect("", 'B', 1, 3, 22);
	expect("block 0", 'B', 0, 5, 23);
	expect("", 'C', 0, 4, 24);
	expect("snapshot 5@23; unblock", 'B', 1, 5, 25);
	expect("", 'C', 0, 5, 26); /* too late */
	weir_gate_init(&g, 2, false, mem);
	expect("", 'B', 0, 1, 10);
	expect("", 'B', 0, 2, 11);
	expect("", 'B', 0, 3, 12);
	expect("abort 1 SUBSUMED; abort 2 ON_CANCELLATION_BARRIER", 'C', 0, 2, 13);
	expect("", 'B', 1, 2, 14);
	expect("snapshot 3@12", 'B', 1, 3, 15);
}

WEIR_TEST(broken_protocol_is_a_bug_and_changes_nothing)
{
	struct weir_gate g, before;
	uint8_t mem[3];

	weir_gate_init(&g, 3, true, mem);
	expect("block 0", 'B', 0, 1, 10);
	expect("", 'E', 1, 0, 11);
	before = g;
	expect("BUG: gate: a barrier came from channel 3, but the task has 3", 'B', 3, 1, 12);
	expect("BUG: gate: its end came from channel 0, which is blocked by checkpoint 1", 'E', 0, 0, 12);
	expect("BUG: gate: a barrier came from channel 0, which is blocked by checkpoint 1", 'B', 0, 1, 12);
	expect("BUG: gate: a barrier came from channel 1, which has ended", 'B', 1, 1, 12);
	expect("BUG: gate: its end came from channel 1, which has ended", 'E', 1, 1, 12);
	ck_assert(memcmp(&before, &g, sizeof(g)) == 0);
	expect("snapshot 1@10; unblock", 'B', 2, 1, 13);
	expect("BUG: gate: channel 2 delivered the barrier of checkpoint 1 again after its snapshot", 'B', 2, 1, 14);
	weir_gate_init(&g, 3, false, mem);
	expect("", 'B', 0, 1, 10);
	expect("BUG: gate: channel 0 delivered the barrier of checkpoint 1 twice", 'B', 0, 1, 11);
}

WEIR_TEST(many_channels)
{
	enum { N = WEIR_GATE_CHANNELS_MAX };
	static uint8_t mem[N];
	struct weir_gate g;

	for (int exact = 0; exact < 2; exact++) {
		weir_gate_init(&g, N, exact, mem);
		for (int id = 1; id <= 3; id++)
			for (uint32_t c = 0; c < N; c++) {
				struct weir_gate_event ev = { WEIR_GATE_BARRIER, (c * 7919u) % N, id, 100 * id + c % 2 };
				struct weir_gate_actions out;

				if (weir_gate_step(&g, &ev, &out, NULL) || (c + 1 < N ? out.count != (uint32_t)exact : out.items[0].kind != WEIR_GATE_SNAPSHOT))
					ck_abort_msg("checkpoint %d, barrier %u", id, c);
				if (c + 1 == N)
					ck_assert_int_eq(out.items[0].start_ms, 100 * id);
			}
	}
}

/* ---- every interleaving of three channels, three checkpoints, ends and a cancellation ---- */
enum { CHANNELS = 3, IDS = 3 };

/* What a channel sends: barriers by bit, then perhaps its end. */
static const struct { uint8_t barriers; bool ends; } scripts[] = {
	{ 7, false }, { 7, true }, { 3, true }, { 1, true }, { 0, true }, { 5, false }, { 6, false }, { 3, false },
};
enum { SCRIPTS = sizeof(scripts) / sizeof(scripts[0]) };

struct world {
	struct weir_gate gate;
	uint8_t mem[CHANNELS];
	uint8_t delivered[CHANNELS]; /* bits of ids */
	uint8_t next[CHANNELS];      /* next id to look at; IDS: the end; IDS + 1: nothing left */
	bool ended[CHANNELS], blocked[CHANNELS];
	uint8_t decided[IDS];        /* 0 open, 1 snapshot, 2 aborted, 3 passed over: its first barrier came too late */
	int64_t first_at[IDS];
	int cancel;                  /* id still to be cancelled, or -1 */
	int last, now;
};

static long worlds;

static void check_actions(struct world *w, const struct weir_gate_actions *out, bool exact)
{
	for (uint32_t i = 0; i < out->count; i++) {
		const struct weir_gate_action *a = &out->items[i];
		int id = (int)a->ckpt - 1;

		if (a->kind == WEIR_GATE_BLOCK) {
			if (!exact || w->blocked[a->channel])
				ck_abort_msg("blocked twice or in at-least-once");
			w->blocked[a->channel] = true;
		} else if (a->kind == WEIR_GATE_UNBLOCK_ALL) {
			memset(w->blocked, 0, sizeof(w->blocked));
		} else if (a->kind == WEIR_GATE_ABORT) {
			if (w->decided[id])
				ck_abort_msg("checkpoint %d aborted after it was decided", id + 1);
			w->decided[id] = 2;
		} else {
			if (w->decided[id] || id < w->last)
				ck_abort_msg("second or out-of-order snapshot %d", id + 1);
			for (int c = 0; c < CHANNELS; c++)
				if (!w->ended[c] && !(w->delivered[c] & 1 << id))
					ck_abort_msg("snapshot %d without the barrier of channel %d", id + 1, c);
			if (a->start_ms != w->first_at[id])
				ck_abort_msg("alignment of %d began at %lld", id + 1, (long long)w->first_at[id]);
			w->decided[id] = 1;
			w->last = id;
		}
	}
	/* Exactly once: a channel is closed to data exactly while its barrier waits for others. */
	for (int c = 0; c < CHANNELS; c++) {
		bool waits = false;

		for (int id = 0; id < IDS; id++)
			waits |= exact && !w->ended[c] && (w->delivered[c] & 1 << id) && !w->decided[id];
		if (waits != w->blocked[c] || waits != weir_gate_is_blocked(&w->gate, (uint32_t)c))
			ck_abort_msg("channel %d: blocked %d, its barrier waits %d", c, w->blocked[c], waits);
	}
}

static void go(struct world *w, struct weir_gate_event ev, bool exact)
{
	struct weir_gate_actions out;
	struct weir_error err = WEIR_ERROR_INIT;

	w->gate.channel = w->mem;
	ev.at_ms = ++w->now;
	if (ev.kind == WEIR_GATE_BARRIER && !w->first_at[ev.ckpt - 1]) {
		w->first_at[ev.ckpt - 1] = w->now;
		for (int id = (int)ev.ckpt; id < IDS; id++)
			if (!w->decided[ev.ckpt - 1] && (w->decided[id] || (exact && w->first_at[id])))
				w->decided[ev.ckpt - 1] = 3;
	}
	if (weir_gate_step(&w->gate, &ev, &out, &err))
		ck_abort_msg("%s", err.msg);
	check_actions(w, &out, exact);
	worlds++;
}

/* At the end nothing that could be decided is open. */
static void check_leaf(const struct world *w)
{
	for (int id = 0; id < IDS; id++) {
		bool seen = false, owed = false;

		for (int c = 0; c < CHANNELS; c++) {
			seen |= (w->delivered[c] >> id & 1) != 0;
			owed |= !w->ended[c] && !(w->delivered[c] & 1 << id);
		}
		if (seen && !owed && !w->decided[id])
			ck_abort_msg("checkpoint %d was left open", id + 1);
	}
}

static void explore(const struct world *w, const int *script, bool exact)
{
	bool moved = false;

	for (int c = 0; c < CHANNELS; c++) {
		struct world n = *w;
		int at = n.next[c];

		while (at < IDS && !(scripts[script[c]].barriers & 1 << at))
			at++;
		if (n.blocked[c] || at > IDS || (at == IDS && !scripts[script[c]].ends))
			continue;
		n.next[c] = (uint8_t)(at + 1);
		if (at < IDS)
			n.delivered[c] |= (uint8_t)(1 << at);
		else
			n.ended[c] = true;
		go(&n, (struct weir_gate_event){ at < IDS ? WEIR_GATE_BARRIER : WEIR_GATE_END, (uint32_t)c, at + 1, 0 }, exact);
		explore(&n, script, exact);
		moved = true;
	}
	if (w->cancel >= 0) {
		struct world n = *w;

		n.cancel = -1;
		go(&n, (struct weir_gate_event){ WEIR_GATE_CANCEL, 0, w->cancel + 1, 0 }, exact);
		explore(&n, script, exact);
	}
	if (!moved)
		check_leaf(w);
}

static void explore_all(bool exact)
{
	for (int a = 0; a < SCRIPTS; a++)
		for (int b = a; b < SCRIPTS; b++)
			for (int c = b; c < SCRIPTS; c++)
				for (int cancel = -1; cancel < 2; cancel += 2) {
					int script[CHANNELS] = { a, b, c };
					struct world w = { .cancel = cancel, .last = -1 };

					if (cancel >= 0 && (a + b + c) % 3) /* a third of them also with a cancellation of checkpoint 2 */
						continue;
					weir_gate_init(&w.gate, CHANNELS, exact, w.mem);
					explore(&w, script, exact);
				}
	ck_assert_int_gt(worlds, 100000);
}

WEIR_TEST(all_interleavings_exactly_once) { explore_all(true); }
WEIR_TEST(all_interleavings_at_least_once) { explore_all(false); }

/* With every barrier on every channel and nothing cancelled, every checkpoint is taken, in whatever order they come. */
WEIR_TEST(complete_input_takes_every_checkpoint)
{
	struct weir_rng rng = { 9 };

	for (int round = 0; round < 2000; round++) {
		struct weir_gate g;
		uint8_t mem[8];
		uint32_t n = 1 + (uint32_t)weir_rng_below(&rng, 8), left = n;
		bool exact = round % 2;
		int64_t next[8] = { 0 }, taken = 0;

		weir_gate_init(&g, n, exact, mem);
		while (left) {
			uint32_t c = (uint32_t)weir_rng_below(&rng, n);
			struct weir_gate_event ev = { next[c] == 5 ? WEIR_GATE_END : WEIR_GATE_BARRIER, c, next[c] + 1, 0 };
			struct weir_gate_actions out;

			if (next[c] > 5 || weir_gate_is_blocked(&g, c))
				continue;
			next[c]++;
			left -= next[c] == 6;
			ck_assert_int_eq(weir_gate_step(&g, &ev, &out, NULL), 0);
			for (uint32_t i = 0; i < out.count; i++) {
				ck_assert_int_ne(out.items[i].kind, WEIR_GATE_ABORT);
				if (out.items[i].kind == WEIR_GATE_SNAPSHOT)
					ck_assert_int_eq(out.items[i].ckpt, ++taken);
			}
		}
		ck_assert_int_eq(taken, 5);
	}
}
